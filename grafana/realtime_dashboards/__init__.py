"""The dashboards of `realtime`, as code: `make dashboards` writes them to `grafana/dashboards/*.json`."""
