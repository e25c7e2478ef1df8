"""The real parts that tests run against: Kafka, Redis, haproxy, pods, and clients in two languages.

Nothing in here knows what the product should do; tests say that. Every part listens on 127.0.0.1 alone, keeps its
files in a directory that it is given, and is ready when `start()` returns, so that no test has to sleep.
"""
