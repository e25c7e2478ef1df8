"""The examples for Strimzi, and their rules as Kafka knows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

EXAMPLES: Final = Path(__file__).parents[2] / "deploy" / "k8s" / "strimzi"


@dataclass(frozen=True, order=True)
class Right:
    """One operation on one resource, by Strimzi's names."""

    kind: str
    name: str
    operation: str


def examples(file: str) -> dict[str, dict[str, Any]]:
    """The resources of a file, by name."""
    read = list(yaml.safe_load_all((EXAMPLES / file).read_text()))
    by_name = {each["metadata"]["name"]: each for each in read}
    assert len(by_name) == len(read), f"{file} names something twice"
    return by_name


def rights(user: dict[str, Any]) -> Iterator[Right]:
    """What a KafkaUser may do."""
    for rule in user["spec"]["authorization"]["acls"]:
        # Anything else would need another translation.
        assert set(rule) == {"resource", "operations"}, rule
        assert set(rule["resource"]) == {"type", "name"}, rule
        for operation in rule["operations"]:
            yield Right(rule["resource"]["type"], rule["resource"]["name"], operation)
