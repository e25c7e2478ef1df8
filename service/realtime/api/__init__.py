"""REST: health for Kubernetes, metrics for Prometheus, and what services and admins may ask for."""
