"""A real Kubernetes for the tests in `cluster`: its programs are built from source, and what is started is gone after."""
