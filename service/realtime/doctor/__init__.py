"""For operators: looks at all that a pod stands on, and says what to mend. Judging is pure, and apart from asking."""
