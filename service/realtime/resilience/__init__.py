"""Trying again, and when to stop trying."""
