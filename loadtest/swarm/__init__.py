"""Many people on many sockets, by Locust: docs/load.md. `locust -f loadtest/swarm/locustfile.py`, or `make swarm`."""
