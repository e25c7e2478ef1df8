"""What all tools here have in common: how they are begun, what they are run on, and what they keep of it."""
