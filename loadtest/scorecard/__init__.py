"""The scorecard: the product beside what else there is, on the same work, machine, Kafka and Redis."""
