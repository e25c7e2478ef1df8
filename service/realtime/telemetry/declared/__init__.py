"""Every metric, declared once, by area; `realtime.telemetry.metrics.Metrics` is all of them."""
