"""The only way out: messages are encoded here, and published."""
