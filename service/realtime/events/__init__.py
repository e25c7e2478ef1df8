"""The contract with producers: which events there are, and what they hold. Pure."""
