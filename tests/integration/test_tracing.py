"""Spans on their way to a collector that is there, away, or silent: none of it holds up whoever begins them."""

import asyncio
import json
import time

import pytest

from parts.collector import Collector
from parts.fixtures import Connect, StartPod
from parts.http import get
from parts.ports import free_port
from parts.scrape import total
from parts.silent_server import silent_server
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually
from realtime.settings import TracingSettings
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.otlp import CLOSE_SECONDS
from realtime.telemetry.start_tracing import start_tracing
from realtime.telemetry.tracing import NO_SPAN, NO_TRACING, Kind, Tracing, current_span, link_all

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
# More than a turn of the event loop may take when the machine is busy, and far less than any time limit of a request.
AT_ONCE_SECONDS = 1.0


def make(endpoint: str, metrics: Metrics | None = None, **settings: float) -> Tracing:
    asked = TracingSettings(endpoint=endpoint, **{"sampling_ratio": 1.0} | settings)
    return start_tracing(asked, "pod-7", "1.2.3", metrics or Metrics())


def dropped(metrics: Metrics, reason: str) -> float:
    return metrics.trace_spans_dropped.labels(reason)._value.get()


def work(tracing: Tracing, spans: int) -> float:
    """Begin and end spans, and return how long that took."""
    began = time.perf_counter()
    for _ in range(spans):
        tracing.begin("work", Kind.SERVER).end()
    return time.perf_counter() - began


async def test_a_span_arrives_with_what_it_says() -> None:
    with Collector() as collector:
        tracing = make(f"{collector.url}/v1/traces", headers="api-key=hunter2")  # type: ignore[arg-type]
        parent = tracing.begin("parent", Kind.CONSUMER, SAMPLED)
        with parent:
            assert current_span() is parent
            child = current_span().child("child", Kind.PRODUCER)
        assert current_span() is NO_SPAN
        child.describe({"a": "x" * 10_000, "b": 3}, name="other")
        child.fail("redis_unavailable")
        child.end()
        parent.end()
        await tracing.close()
        by_name = {span.name: span for span in collector.spans}
        assert (by_name["parent"].trace_id, by_name["parent"].parent_id) == (TRACE, SPAN)
        assert by_name["other"].parent_id == by_name["parent"].span_id == parent.span_id
        assert by_name["other"].has_failed
        assert by_name["other"].attributes["b"] == 3
        assert len(by_name["other"].attributes["a"]) < 1_000
        assert by_name["other"].resource["service.name"] == "realtime"
        assert by_name["other"].resource["service.version"] == "1.2.3"
        assert by_name["other"].pod == "pod-7"
        assert collector.headers[0]["api-key"] == "hunter2"


async def test_a_parent_decides_and_only_without_one_the_ratio() -> None:
    with Collector() as collector:
        never, always = make(collector.url, sampling_ratio=0), make(collector.url, sampling_ratio=1)
        for tracing in (never, always):
            assert tracing.begin("x", Kind.SERVER, SAMPLED).is_sampled
            assert tracing.begin("x", Kind.SERVER, UNSAMPLED) is NO_SPAN
            assert tracing.follow("x", Kind.SERVER, SAMPLED).is_sampled
            assert tracing.follow("x", Kind.SERVER, UNSAMPLED) is NO_SPAN
            assert tracing.follow("x", Kind.SERVER, "garbage") is NO_SPAN
        assert never.begin("x", Kind.SERVER) is NO_SPAN
        assert never.begin("x", Kind.SERVER, "garbage") is NO_SPAN
        assert never.begin("x", Kind.SERVER, linked=SAMPLED) is NO_SPAN
        assert always.begin("x", Kind.SERVER, "garbage").trace_id != TRACE
        sometimes = make(collector.url, sampling_ratio=0.5)
        sampled = sum(sometimes.begin("x", Kind.SERVER).is_sampled for _ in range(2_000))
        assert 800 < sampled < 1_200
        for tracing in (never, always, sometimes):
            await tracing.close()


async def test_spans_of_one_call_name_each_other() -> None:
    with Collector() as collector:
        tracing = make(collector.url)
        spans = [tracing.begin(f"span-{number}", Kind.PRODUCER) for number in range(300)]
        link_all(spans)
        for span in spans:
            span.end()
        await tracing.close()
        by_name = {span.name: span for span in collector.spans}
        assert len(by_name) == 300
        assert by_name["span-299"].links == ((spans[0].trace_id, spans[0].span_id),)
        assert len(by_name["span-0"].links) == 128


async def test_without_an_endpoint_nothing_is_made() -> None:
    assert start_tracing(TracingSettings(), "pod", "1", Metrics()) is NO_TRACING
    assert NO_TRACING.begin("x", Kind.SERVER, SAMPLED) is NO_SPAN
    assert NO_TRACING.follow("x", Kind.SERVER, SAMPLED) is NO_SPAN
    assert NO_SPAN.child("x", Kind.SERVER) is NO_SPAN
    with NO_SPAN as span:
        span.link(span)
        span.describe({"a": 1})
        span.fail("x")
        span.end()
        assert (current_span(), span.traceparent) == (NO_SPAN, None)
    await NO_TRACING.close()


async def test_a_collector_that_never_answers_costs_spans_which_are_counted_and_holds_up_nobody() -> None:
    metrics = Metrics()
    with silent_server() as url:
        tracing = make(url, metrics, queue_max_spans=256, export_timeout_seconds=60)
        assert work(tracing, 5_000) < 5 * AT_ONCE_SECONDS
        assert dropped(metrics, "queue_full") == 5_000 - 256
        began = time.monotonic()
        await tracing.close()
        assert time.monotonic() - began < CLOSE_SECONDS + AT_ONCE_SECONDS
        assert dropped(metrics, "at_end") == 256


async def test_a_collector_that_is_away_costs_spans_which_are_counted() -> None:
    metrics = Metrics()
    tracing = make(f"http://127.0.0.1:{free_port()}", metrics, export_timeout_seconds=0.2)
    work(tracing, 300)
    await eventually(lambda: dropped(metrics, "export_failed") == 300, 10, "all spans are counted as lost")
    assert dropped(metrics, "queue_full") == 0
    await tracing.close()


async def test_the_event_loop_turns_while_a_collector_is_silent() -> None:
    with silent_server() as url:
        tracing = make(url, export_timeout_seconds=60)
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - before)

        watching = asyncio.create_task(watch())
        for _ in range(20):
            work(tracing, 50)
            await asyncio.sleep(0.05)
        await tracing.close()
        watching.cancel()
        assert longest < AT_ONCE_SECONDS


@pytest.mark.parametrize("is_silent", [True, False])
async def test_a_pod_delivers_and_leaves_in_time_whatever_becomes_of_its_spans(
    start_pod: StartPod, connect: Connect, topics: Topics, issuer: Issuer, is_silent: bool
) -> None:
    with silent_server() as url:
        pod = await start_pod(
            REALTIME_TRACING__ENDPOINT=url if is_silent else f"http://127.0.0.1:{free_port()}",
            REALTIME_TRACING__SAMPLING_RATIO="1",
            REALTIME_TRACING__QUEUE_MAX_SPANS="256",
            # The silent one holds its first batch for longer than the test, the absent one gives up again and again.
            REALTIME_TRACING__EXPORT_TIMEOUT_SECONDS="60" if is_silent else "0.5",
        )
        client = await connect(pod.url, issuer.token("u"))
        async with topics.producer() as producer:
            for number in range(400):
                order = json.dumps({"orderId": f"o-{number}", "buyerId": "u", "status": "paid"}).encode()
                await producer.send(topics.name("order.updated"), order, partition=0)
        await client.wait_for_event("notification", count=400)
        reason = "queue_full" if is_silent else "export_failed"

        async def some_are_dropped() -> bool:
            return await total(pod, "realtime_trace_spans_dropped_total", reason=reason) > 0

        await eventually(some_are_dropped, 10, "spans are counted as dropped")
        assert (await get(f"{pod.url}/health/ready")).status_code == 200  # type: ignore[union-attr]
        await client.close()
        began = time.monotonic()
        assert await pod.terminate() == 0
        # Without a client to wait for, leaving takes a part of a second, and what it grants the collector.
        assert time.monotonic() - began < CLOSE_SECONDS + 5 * AT_ONCE_SECONDS
