"""The one-command laptop cluster: Kafka, Redis, two pods, a sticky proxy, and a page or a check that watches them."""
