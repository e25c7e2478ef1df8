"""How Redis is reached, and the names of all that is kept there."""
