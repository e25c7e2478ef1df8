"""The one-command laptop cluster."""
