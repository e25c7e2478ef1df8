"""A connection's way, whatever it is attached by: authenticate, admit, join, command, leave."""
