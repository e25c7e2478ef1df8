"""Which pods there are, and whom they hold."""
