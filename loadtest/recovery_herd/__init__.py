"""A thousand clients that come back at once, and what the others notice of it."""
