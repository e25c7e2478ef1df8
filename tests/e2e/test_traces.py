"""One trace from whoever wrote to Kafka, or asked by REST, to every pod that wrote to a socket; `-s` shows it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id

from parts.clients import Client
from parts.collector import Collector, Span, render
from parts.fixtures import Connect
from parts.kafka import Kafka
from parts.pod import Cluster
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

TOLD = (
    "realtime.outcome",
    "realtime.sockets",
    "http.response.status_code",
    "realtime.transport",
)
# Spans wait a second for others, and the threads that send them have neighbours on the machine.
SPANS_SECONDS = 15


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced(
    kafka: Kafka,
    redis_server: RedisServer,
    issuer: Issuer,
    tmp_path_factory: pytest.TempPathFactory,
    collector: Collector,
) -> AsyncIterator[Cluster]:
    """A pod that takes in, and two with sockets: a message always goes from one pod to others."""
    topics = Topics(kafka, f"t{uuid4().hex[:8]}")
    await topics.create()
    roles = ("intake", "sockets", "sockets")
    directory: Path = tmp_path_factory.mktemp("traced")
    async with Cluster(directory, topics, redis_server, issuer, roles=roles, settings=collector.settings) as running:
        yield running
    await topics.delete()


class Producer:
    """A service that has begun a trace, and writes to us within it."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.trace_id, self.span_id = token_hex(16), token_hex(8)
        self.sampled = sampled

    @property
    def header(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class Shop(Producer):
    """One that sends its own span, too, by OpenTelemetry's SDK."""

    def __init__(self, collector: Collector, name: str) -> None:
        super().__init__()
        resource = Resource.create({"service.name": "shop", "service.instance.id": "shop"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.url}/v1/traces")))
        self.span = provider.get_tracer("shop").start_span(name, kind=SpanKind.PRODUCER)
        context = self.span.get_span_context()
        self.trace_id, self.span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)


async def devices(cluster: Cluster, connect: Connect, user: str) -> list[Client]:
    """Connect a user to each pod that has sockets, following its orders."""
    clients = [await connect(pod.url, cluster.issuer.token(user)) for pod in cluster.with_sockets]
    for client in clients:
        assert (await client.command("subscribe:orders"))["ok"]
    return clients


async def trace_of(collector: Collector, producer: Producer, spans: int) -> list[Span]:
    await eventually(
        lambda: len(collector.trace(producer.trace_id)) >= spans, SPANS_SECONDS, f"{spans} spans of the trace"
    )
    trace = collector.trace(producer.trace_id)
    print(f"\n{render(trace, TOLD)}")
    return trace


async def test_one_trace_leads_from_the_kafka_record_to_the_sockets_of_two_other_pods(
    traced: Cluster, connect: Connect, user: str, collector: Collector
) -> None:
    clients = await devices(traced, connect, user)
    producer = Shop(collector, "order.updated send")
    order = {"orderId": "o-1", "buyerId": user, "status": "shipped"}
    await traced.topics.produce("order.updated", order, headers=[("traceparent", producer.header.encode())])
    producer.span.end()
    for client in clients:
        await client.wait_for_event("order:updated")
        await client.wait_for_event("notification")
    trace = await trace_of(collector, producer, 7)
    by_name = {span.name: span for span in trace}
    process, publish = by_name[f"process {traced.topics.name('order.updated')}"], by_name["publish"]
    delivered = [span for span in trace if span.name.startswith("deliver ")]
    assert len(trace) == 7
    assert process.parent_id == producer.span_id
    assert publish.parent_id == process.span_id
    assert {span.parent_id for span in delivered} == {publish.span_id}
    intake, *sockets = (pod.name for pod in traced.pods)
    assert (process.pod, publish.pod) == (intake, intake)
    expected = [(f"deliver {kind}", pod) for kind in ("orders", "user") for pod in sockets]
    assert sorted((span.name, span.pod) for span in delivered) == sorted(expected)
    assert (process.kind, publish.kind, delivered[0].kind) == ("CONSUMER", "PRODUCER", "CONSUMER")
    assert process.attributes["messaging.destination.name"] == traced.topics.name("order.updated")
    assert process.attributes["realtime.outcome"] == "published"
    assert {span.attributes["realtime.sockets"] for span in delivered} == {1}
    assert process.start_ns <= publish.start_ns <= publish.end_ns <= process.end_ns
    assert not any(span.has_failed for span in trace)
    told = "".join(str(span.attributes) for span in trace)
    assert user not in told, "whose order it is, is nobody's business who looks at traces"


async def test_a_request_by_rest_leads_to_the_sockets_too(
    traced: Cluster, connect: Connect, user: str, collector: Collector
) -> None:
    clients = await devices(traced, connect, user)
    service = Producer()
    token = traced.issuer.token("shop", "service")
    headers = {"Authorization": f"Bearer {token}", "traceparent": service.header}
    body = {"userId": user, "orderId": "o-1", "status": "shipped"}
    async with httpx.AsyncClient() as http:
        url = f"{traced.with_sockets[0].url}/realtime/broadcast/order?why={token}"
        assert (await http.post(url, json=body, headers=headers)).status_code == 202
    for client in clients:
        await client.wait_for_event("order:updated")
    trace = await trace_of(collector, service, 6)
    by_name = {span.name: span for span in trace}
    request = by_name["POST /realtime/broadcast/order"]
    assert (request.kind, request.parent_id) == ("SERVER", service.span_id)
    assert request.attributes["http.response.status_code"] == 202
    assert by_name["publish"].parent_id == request.span_id
    delivered = {(span.name, span.pod) for span in trace if span.parent_id == by_name["publish"].span_id}
    assert delivered == {(f"deliver {kind}", pod.name) for kind in ("orders", "user") for pod in traced.with_sockets}
    assert token not in str(trace)


async def test_records_that_are_published_together_are_linked(
    traced: Cluster, connect: Connect, user: str, collector: Collector
) -> None:
    producers = [Producer() for _ in range(20)]
    async with traced.topics.producer() as kafka:
        batch = kafka.create_batch()
        for producer in producers:
            value = f'{{"orderId":"o","buyerId":"{user}","status":"paid"}}'.encode()
            headers = [("traceparent", producer.header.encode())]
            assert batch.append(key=None, value=value, timestamp=None, headers=headers) is not None
        await (await kafka.send_batch(batch, traced.topics.name("order.updated"), partition=0))
    await eventually(
        lambda: all(len(collector.trace(producer.trace_id)) >= 2 for producer in producers),
        SPANS_SECONDS,
        "a process and a publish span for each record",
    )
    publishing = [
        span for producer in producers for span in collector.trace(producer.trace_id) if span.name == "publish"
    ]
    first, *others = publishing
    assert first.links == tuple((span.trace_id, span.span_id) for span in others)
    assert {span.links for span in others} == {((first.trace_id, first.span_id),)}


async def test_a_record_that_cannot_be_an_event_shows_why_in_its_trace(traced: Cluster, collector: Collector) -> None:
    producer = Producer()
    await traced.topics.produce("order.updated", b"{", headers=[("traceparent", producer.header.encode())])
    (process,) = await trace_of(collector, producer, 1)
    assert process.has_failed
    assert process.attributes["error.type"] == "unreadable_record"
    assert process.attributes["realtime.outcome"] == "dead_letter"
    lines = traced.pods[0].log.read_text().splitlines()
    (line,) = [line for line in lines if '"dead_letter"' in line and producer.trace_id in line]
    assert process.span_id in line


async def test_what_nobody_samples_leaves_no_span_and_no_header_costs_a_record(
    traced: Cluster, connect: Connect, user: str, collector: Collector
) -> None:
    clients = await devices(traced, connect, user)
    unsampled, hostile, good = Producer(sampled=False), Producer(), Producer()
    headers: list[list[tuple[str, bytes]]] = [
        [("traceparent", unsampled.header.encode())],
        [("traceparent", hostile.header.encode() + b"\r\nx: y")],
        [("traceparent", b"\xff" * 55), ("tracestate", b"=" * 100_000)],
        [("traceparent", f"00-{'0' * 32}-{hostile.span_id}-01".encode())],
        [],
        [("traceparent", good.header.encode()), ("tracestate", b"\x00,,;=" * 10_000)],
    ]
    for number, of_record in enumerate(headers):
        order = {"orderId": f"o-{number}", "buyerId": user, "status": "paid"}
        await traced.topics.produce("order.updated", order, partition=0, headers=of_record)
    for client in clients:
        await client.wait_for_event("order:updated", count=len(headers))
    assert len(await trace_of(collector, good, 6)) == 6  # it was sent last, so all that came before it is here
    assert collector.trace(unsampled.trace_id) == []
    assert collector.trace(hostile.trace_id) == []
    assert all(span.trace_id != "0" * 32 for span in collector.spans)


async def test_handshakes_have_spans_of_their_own_that_a_strangers_header_is_only_linked_to(
    traced: Cluster, connect: Connect, user: str, tmp_path: Path
) -> None:
    with Collector() as collector:
        settings = collector.settings | {"REALTIME_TRACING__SAMPLING_RATIO": "1"}
        cluster = Cluster(tmp_path, traced.topics, traced.redis, traced.issuer, pods=1, settings=settings)  # type: ignore[arg-type]
        async with cluster:
            stranger = Producer(sampled=False)
            good = await connect(cluster.url, cluster.issuer.token(user), headers={"traceparent": stranger.header})
            with pytest.raises(AssertionError):
                await connect(cluster.url, cluster.issuer.expired(user))
            connects = await eventually(
                lambda: spans if len(spans := collector.named("connect")) >= 2 else None,
                SPANS_SECONDS,
                "two handshakes",
            )
            print("", *(render([span], TOLD) for span in connects), sep="\n")
            accepted, refused = connects
            assert accepted.attributes["realtime.outcome"] == "accepted"
            assert accepted.attributes["realtime.transport"] == "websocket"
            assert refused.attributes["realtime.outcome"] == "token_expired"
            assert [span.kind for span in connects] == ["SERVER", "SERVER"]
            assert {span.parent_id for span in connects} == {""}
            assert accepted.links == ((stranger.trace_id, stranger.span_id),)
            assert accepted.trace_id != stranger.trace_id
            assert good.sid
            assert user not in str([span.attributes for span in collector.spans])
