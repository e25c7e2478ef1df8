"""`make load`: the swarm against a cluster on this machine, and a report of it: docs/load.md."""
