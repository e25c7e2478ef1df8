"""What more pods cost: 1, 2, 4, 8 of them, each with the same work, over one Redis and one Kafka."""
