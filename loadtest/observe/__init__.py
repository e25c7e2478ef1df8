"""What processes cost while something runs: sampled, and drawn."""
