"""Reading what has been counted."""

from prometheus_client.registry import Collector


def count(metric: Collector, **labels: str) -> float:
    """The sum of a counter's or gauge's samples that have these labels."""
    samples = [s for family in metric.collect() for s in family.samples if not s.name.endswith("_created")]
    return sum(s.value for s in samples if labels.items() <= s.labels.items())
