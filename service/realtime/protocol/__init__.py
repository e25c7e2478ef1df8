"""The contract with clients: what they receive, from which rooms, and what they may say. Pure."""
