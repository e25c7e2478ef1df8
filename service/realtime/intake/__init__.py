"""An event's way: Kafka record -> decode -> route -> publish."""
