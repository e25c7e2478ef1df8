"""For operators: look at what could not become events, and replay it."""
