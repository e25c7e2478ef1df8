"""Which parts a run used, for the last words of its summary."""

USED: set[tuple[str, str]] = set()


def note(part: str, name: str) -> None:
    """Remember that this run used a part, such as ("Kafka", "Apache Kafka 4.3.1")."""
    USED.add((part, name))
