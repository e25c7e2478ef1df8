"""PromQL in the few forms that dashboards need. Each query keeps to the cluster, namespace and pods that are chosen."""

from typing import Final

# A job of this name scrapes the pods, and gives each series its cluster, namespace and pod: deploy/prometheus.
JOB: Final = "realtime"
PLACE: Final = 'cluster=~"$cluster", namespace=~"$namespace"'
PODS: Final = f'{PLACE}, pod=~"$pod"'
# Grafana's: long enough to hold four scrapes, and no shorter than a pixel.
QUICKLY: Final = "$__rate_interval"
# What a number at the top looks back on: long enough to be calm, short enough to be of now.
LATELY: Final = "5m"
SHOWN: Final = "$__range"
# Objectives: docs/slos.md.
LATENCY_OBJECTIVE_SECONDS: Final = "0.5"
DELIVERED_IN_TIME: Final = 0.999
ADMITTED: Final = 0.9995
# Below these somebody is woken up: the budget of 30 days would be used up in two.
DELIVERED_PAGE: Final = 0.9856
ADMITTED_PAGE: Final = 0.9928
# Who was turned away by our fault, at CONNECT and before; a wrong token is its client's.
OUR_FAULT: Final = 'outcome=~"internal|redis_unavailable|draining"'
NO_ROOM: Final = 'problem=~"too_many_handshakes|full|draining"'


def of(metric: str, *matchers: str) -> str:
    """A metric of the pods that are chosen: realtime_rooms -> realtime_rooms{cluster=~..., ...}."""
    return f"{metric}{{{', '.join((PODS, *matchers))}}}"


def placed(metric: str, *matchers: str) -> str:
    """A metric that no pod tells, of the cluster and namespace that are chosen."""
    return f"{metric}{{{', '.join((PLACE, *matchers))}}}"


def total(expression: str, by: str = "") -> str:
    """Add up over pods."""
    return f"sum{_by(by)} ({expression})"


def most(expression: str, by: str = "") -> str:
    """Of all pods the one that has most."""
    return f"max{_by(by)} ({expression})"


def rate(metric: str, *matchers: str, by: str = "", over: str = QUICKLY) -> str:
    """How often a second."""
    return total(f"rate({of(metric, *matchers)}[{over}])", by)


def count(metric: str, *matchers: str, by: str = "", over: str = LATELY) -> str:
    """How often within a time."""
    return total(f"increase({of(metric, *matchers)}[{over}])", by)


def quantile(share: float, histogram: str, *, by: str = "", over: str = QUICKLY) -> str:
    """What so large a share of all observations does not exceed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(histogram + '_bucket', by=labels, over=over)})"


def share(part: str, whole: str) -> str:
    """A part of a whole. Of nothing it is 0: nothing is no failure, and a gap would look like one."""
    return f"({part}) / clamp_min({whole}, 1e-9)"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
