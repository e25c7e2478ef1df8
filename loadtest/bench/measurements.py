"""What was measured: values by metric and server, and what they come to."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Metric:
    """Something that is measured of servers, such as `fanout/2000/1/rate`."""

    id: str
    title: str
    unit: str
    more_is_better: bool = True


@dataclass(frozen=True)
class Summary:
    """The repetitions of one server."""

    median: float
    lowest: float
    highest: float
    repetitions: int

    def overlaps(self, other: "Summary") -> bool:
        """Whether the two spreads have values in common: then their difference may be noise."""
        return self.lowest <= other.highest and other.lowest <= self.highest


@dataclass(frozen=True)
class Ratio:
    """One server's median to another's."""

    value: float
    is_noise: bool


@dataclass
class Measurements:
    """All values of a run."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def record(self, metric: Metric, server: str, value: float) -> None:
        """Keep the value of one repetition."""
        self.metrics[metric.id] = metric
        self.values.setdefault((metric.id, server), []).append(value)

    def summary(self, metric_id: str, server: str) -> Summary | None:
        """What a server's repetitions come to; None when it was not measured."""
        values = self.values.get((metric_id, server))
        if not values:
            return None
        return Summary(median(values), min(values), max(values), len(values))

    def ratio(self, metric_id: str, server: str, other: str) -> Ratio | None:
        """One server to another; None when either was not measured, or the other's median is 0."""
        one, two = self.summary(metric_id, server), self.summary(metric_id, other)
        if one is None or two is None or two.median == 0:
            return None
        return Ratio(one.median / two.median, one.overlaps(two))
