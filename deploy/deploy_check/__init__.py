"""`make deploy-check`: all that can be said of the chart without a cluster."""
