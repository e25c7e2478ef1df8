"""What Prometheus reads: in the form that it asks for, whatever the values are and whatever the request says."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.samples import Exemplar

from realtime.telemetry.declared.buckets import LATENCY_BUCKETS_SECONDS
from realtime.telemetry.exposition import write
from realtime.telemetry.metrics import Metrics

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
# As Prometheus 3 asks.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def exemplars(metrics: Metrics) -> dict[str, Exemplar]:
    """Of the delivery latency: bucket -> exemplar."""
    content, _ = write(metrics.registry, PROMETHEUS)
    return {
        sample.labels["le"]: sample.exemplar
        for family in read_openmetrics(content.decode())
        for sample in family.samples
        if sample.name == "realtime_delivery_latency_seconds_bucket" and sample.exemplar
    }


def test_prometheus_is_given_openmetrics_which_it_prefers(metrics: Metrics) -> None:
    content, content_type = write(metrics.registry, PROMETHEUS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert content.endswith(b"# EOF\n")
    assert {family.name for family in read_openmetrics(content.decode())} >= {"realtime_deliveries", "realtime_rooms"}


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/plain",
        "text/html,*/*;q=0.8",
        "application/openmetrics-text;q=0.1,text/plain;q=0.9",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=nonsense",
        "application/openmetrics-text;q=",
        'x"\\\x00,;;;=,q=q;',
        "," * 100_000,
        "\udcff;q=\udcff",
    ],
)
def test_everybody_else_is_given_text(metrics: Metrics, accept: str) -> None:
    content, content_type = write(metrics.registry, accept)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert {family.name for family in read_text(content.decode())} >= {"realtime_deliveries", "realtime_rooms"}


@pytest.mark.parametrize("version", ["9.9.9", "abc", "1.0.0\x00", "", "1" * 10_000])
def test_what_version_of_openmetrics_is_asked_for_makes_no_difference(metrics: Metrics, version: str) -> None:
    _, content_type = write(metrics.registry, f"application/openmetrics-text; version={version}")
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"


def test_a_traced_message_stands_beside_its_bucket_until_there_is_a_newer_one(metrics: Metrics) -> None:
    metrics.delivery_latency.observe(0.4, SAMPLED)
    metrics.delivery_latency.observe(0.3, SAMPLED.replace("4bf9", "aaaa"))  # one is enough for a scrape
    metrics.delivery_latency.observe(0.2)
    for _ in range(2):
        found = exemplars(metrics)
        assert found.keys() == {"0.5"}
        assert (found["0.5"].labels, found["0.5"].value) == ({"trace_id": TRACE_ID}, 0.4)
    metrics.delivery_latency.observe(0.45, SAMPLED.replace("4bf9", "bbbb"))
    assert exemplars(metrics)["0.5"].labels["trace_id"].startswith("bbbb")


def test_each_bucket_has_its_own_and_the_last_one_too(metrics: Metrics) -> None:
    for latency in (0.0, 0.0015, 1_000):
        metrics.delivery_latency.observe(latency, SAMPLED)
    assert exemplars(metrics).keys() == {"0.001", "0.0025", "+Inf"}


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE_ID}-00f067aa0ba902b7-00",  # not sampled: there is no such trace to find
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        "",
        "1",
        f"00-{TRACE_ID.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-00f067aa0ba902b7-01\n",
        f'00-"}}{TRACE_ID[2:]}-00f067aa0ba902b7-01',
        "\ud800" * 55 + "1",
        "x" * 3_000_000 + "1",
    ],
    ids=lambda text: ascii(text[:60]),
)
def test_what_is_no_sampled_trace_is_counted_and_not_told(metrics: Metrics, traceparent: str) -> None:
    metrics.delivery_latency.observe(0.3, traceparent)
    assert exemplars(metrics) == {}
    (family,) = metrics.delivery_latency.collect()
    assert [s.value for s in family.samples if s.name.endswith("_count")] == [1]


def test_text_has_no_exemplars_and_the_same_numbers(metrics: Metrics) -> None:
    for latency in LATENCY_BUCKETS_SECONDS:
        metrics.delivery_latency.observe(latency, SAMPLED)
    content, _ = write(metrics.registry, "text/plain")
    assert b"trace_id" not in content
    assert b'realtime_delivery_latency_seconds_bucket{le="+Inf"} %d.0\n' % len(LATENCY_BUCKETS_SECONDS) in content


@pytest.mark.parametrize(
    "value",
    ['say "hello"', "two\nlines", "back\\slash", "naïve 日本 \x00\x1b[31m", '{a="b"} 1\n# HELP x', "x" * 1_000_000],
)
def test_a_label_may_have_any_value_and_comes_out_as_it_went_in(metrics: Metrics, value: str) -> None:
    metrics.consumer_lag.labels(value, "0").set(7)
    metrics.events.labels(value, "published").inc()
    content, _ = write(metrics.registry, "text/plain")
    read = {(s.name, v): s.value for f in read_text(content.decode()) for s in f.samples for v in s.labels.values()}
    assert read["realtime_kafka_consumer_lag_records", value] == 7
    assert read["realtime_events_total", value] == 1
