"""Metrics: names as Prometheus wants them, labels that can be counted, each declared in one place."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

import realtime
from realtime.telemetry.counting import QuickCounter, QuickHistogram
from realtime.telemetry.declared.buckets import HANDSHAKE_BUCKETS_SECONDS, LATENCY_BUCKETS_SECONDS
from realtime.telemetry.metrics import Metrics
from unit.counts import count

COLLECTORS: dict[str, Collector] = {name: value for name, value in vars(Metrics()).items() if name != "registry"}
FAMILIES: dict[str, Metric] = {name: next(iter(collector.collect())) for name, collector in COLLECTORS.items()}
UNITS = (
    "seconds", "bytes", "records", "messages", "partitions", "connections", "sessions", "rooms", "tasks", "limit", "ratio",
    "state", "info", "draining",
)  # fmt: skip
UNCOUNTABLE = {"user", "user_id", "room", "event_id", "id", "sid", "socket_id", "session", "offset", "product", "order"}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Metric:
    return FAMILIES[request.param]


def test_there_are_metrics_to_look_at() -> None:
    assert len(FAMILIES) > 10


def test_a_name_begins_with_the_service_and_is_written_in_snake_case(family: Metric) -> None:
    assert re.fullmatch(r"realtime(_[a-z]+)+", family.name)


def test_a_counter_ends_in_total_and_nothing_else_does(family: Metric) -> None:
    # The client library strips the suffix from a counter's family and puts it back on its samples.
    declared = [line.split()[2] for line in generate_latest(Metrics().registry).decode().splitlines() if "TYPE" in line]
    assert (f"{family.name}_total" in declared) == (family.type == "counter")
    assert not family.name.endswith("_total")


def test_what_is_measured_has_its_unit_at_the_end(family: Metric) -> None:
    if family.type != "counter":
        assert family.name.endswith(UNITS)


def test_a_metric_says_what_it_is(family: Metric) -> None:
    assert family.documentation.endswith(".")
    assert len(family.documentation) > 20


@pytest.mark.parametrize("name", COLLECTORS)
def test_labels_are_countable(name: str) -> None:
    labels = set(getattr(COLLECTORS[name], "_labelnames", ()))
    assert not labels & UNCOUNTABLE
    assert len(labels) <= 2


def test_the_buckets_of_latency_stand_around_the_objective_of_half_a_second() -> None:
    assert list(LATENCY_BUCKETS_SECONDS) == sorted(set(LATENCY_BUCKETS_SECONDS))
    assert 0.5 in LATENCY_BUCKETS_SECONDS
    assert 0.5 in HANDSHAKE_BUCKETS_SECONDS
    assert sum(bucket <= 0.5 for bucket in LATENCY_BUCKETS_SECONDS) >= len(LATENCY_BUCKETS_SECONDS) / 2


def test_a_process_may_hold_several_pods() -> None:
    first, second = Metrics(), Metrics()
    first.deliveries.inc(5)
    assert (count(first.deliveries), count(second.deliveries)) == (5, 0)


def test_quick_metrics_say_what_those_of_the_library_say() -> None:
    registry, library = CollectorRegistry(), CollectorRegistry()
    counter, histogram = QuickCounter("c_total", "C.", registry), QuickHistogram("h", "H.", (0.1, 1, 2.5), registry)
    their_counter = Counter("c_total", "C.", registry=library)
    their_histogram = Histogram("h", "H.", buckets=(0.1, 1, 2.5), registry=library)
    for value in (0, 0.05, 0.1, 0.5, 1, 2, 2.5, 3, 1e9):
        for one in (histogram, their_histogram):
            one.observe(value)
        for each in (counter, their_counter):
            each.inc(3)

    def lines(of: CollectorRegistry) -> list[str]:
        return [line for line in generate_latest(of).decode().splitlines() if "_created" not in line]

    assert lines(registry) == lines(library)


def test_prometheus_can_read_them_all() -> None:
    metrics = Metrics()
    metrics.events.labels("order.created", "published").inc()
    read = {family.name for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())}
    assert {family.name for family in FAMILIES.values()} <= read


def test_metrics_are_declared_in_one_place_alone() -> None:
    package = Path(realtime.__file__).parent
    sources = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] != "demo"]
    declaring = [
        str(path.relative_to(package))
        for path in sources
        if re.search(r"\b(Quick)?(Counter|Gauge|Histogram|Summary)\(\s*\"realtime_", path.read_text())
    ]
    assert declaring
    assert all(path.startswith("telemetry/declared/") for path in declaring)
