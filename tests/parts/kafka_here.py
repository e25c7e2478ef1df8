"""The Kafka that is here: Apache's where Java and Maven are, else the embedded one."""

from pathlib import Path

from parts.apache_kafka import ApacheKafka
from parts.embedded_kafka import EmbeddedKafka
from parts.needs import find


def has_apache_kafka() -> bool:
    """Whether there is what Apache Kafka takes."""
    return bool(find("java") and find("mvn"))


def kafka_here(directory: Path) -> ApacheKafka | EmbeddedKafka:
    """Make the better of what is here, not started yet; its `name` says which one it is."""
    return ApacheKafka(directory) if has_apache_kafka() else EmbeddedKafka(directory)
