"""Half load for an hour, with clients that come and go: nothing may grow, and nothing may be lost."""
