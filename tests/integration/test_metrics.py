"""What a real pod tells Prometheus, over real parts, with trouble and without."""

import signal
import subprocess

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from parts.fixtures import Connect, StartPod
from parts.needs import need
from parts.pod import Pod
from parts.redis_server import RedisServer
from parts.scrape import metrics, total
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"}
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def order(number: int, buyer: str = "u") -> dict[str, str]:
    return {"orderId": f"o-{number}", "buyerId": buyer, "status": "shipped"}


async def is_at_least(pod: Pod, least: float, name: str, **labels: str) -> float:
    """Wait until a metric is that high."""

    async def is_it() -> bool:
        return await total(pod, name, **labels) >= least

    await eventually(is_it, 20, f"{name} {labels or ''} is {least} at least")
    return await total(pod, name, **labels)


@pytest.fixture
async def own_pod(start_pod: StartPod, own_redis: RedisServer) -> Pod:
    """A pod over a Redis of the test's own, to stop and to start again."""
    return await start_pod(REALTIME_REDIS__URL=own_redis.url, REALTIME_REDIS__HEARTBEAT_INTERVAL_SECONDS="0.3")


async def test_a_pod_at_work_tells_of_every_step(pod: Pod, topics: Topics, connect: Connect, issuer: Issuer) -> None:
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    for number in range(20):
        await topics.produce("order.updated", order(number))
    await eventually(lambda: len(client.events("order:updated")) == 20, 20, "all orders are heard")
    await is_at_least(pod, 2, "realtime_event_loop_lag_seconds_count")
    told = await metrics(pod)

    def of(name: str, **labels: str) -> float:
        return sum(v for (n, had), v in told.items() if n == name and labels.items() <= dict(had).items())

    assert of("realtime_connections") == of("realtime_connects_total", outcome="accepted") == 1
    assert of("realtime_rooms") >= 1
    assert of("realtime_connection_limit") == 50_000
    assert of("realtime_handshake_seconds_count") == 1
    assert of("realtime_handshake_seconds_sum") < 5
    assert of("realtime_connection_memory_bytes") >= 0
    assert of("realtime_events_total", type="order.updated", outcome="published") == 20
    assert of("realtime_delivery_latency_seconds_count") == of("realtime_deliveries_total") >= 20
    assert of("realtime_future_timestamps_total") == 0
    assert of("realtime_kafka_rebalances_total") >= 1
    assert of("realtime_kafka_unassigned_seconds") == of("realtime_kafka_held_partitions") == 0
    assert of("realtime_kafka_commit_age_seconds") < 5
    for operation in ("publish", "positions", "newest", "heartbeat", "presence", "pods", "sessions"):
        assert of("realtime_redis_round_trip_seconds_count", operation=operation) >= 1, operation
    assert of("realtime_redis_errors_total") == of("realtime_redis_reconnects_total") == 0
    assert 1 <= of("realtime_history_messages_count") <= 20
    assert of("realtime_history_reach_seconds_count") == 0
    assert of("realtime_offline_backlog_messages_count") == 1
    assert of("realtime_asyncio_tasks") > 1
    assert of("realtime_build_info") == 1
    assert of("realtime_draining") == of("realtime_draining_seconds") == 0


async def test_lag_in_seconds_grows_while_redis_is_away_and_ends_when_it_is_back(
    own_pod: Pod, own_redis: RedisServer, topics: Topics
) -> None:
    await own_redis.kill()
    await topics.produce("order.updated", order(1))
    await is_at_least(own_pod, 2, "realtime_kafka_consumer_lag_seconds", topic=topics.name("order.updated"))
    await is_at_least(own_pod, 1, "realtime_redis_errors_total", operation="publish")
    await is_at_least(own_pod, 1, "realtime_redis_errors_total", operation="listen")
    await own_redis.start()
    await is_at_least(own_pod, 1, "realtime_redis_reconnects_total")

    async def is_over() -> bool:
        return await total(own_pod, "realtime_kafka_consumer_lag_seconds") == 0

    await eventually(is_over, 20, "nothing waits")
    assert await total(own_pod, "realtime_events_total", outcome="published") == 1


async def test_a_record_that_was_traced_is_the_example_of_its_lateness(
    pod: Pod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    traceparent = f"00-{TRACE_ID}-00f067aa0ba902b7-01".encode()
    await topics.produce("order.updated", order(1), headers=[("traceparent", traceparent)])
    for hostile in (b"\xff\xfe", b"00-" + b"x" * 100_000, b'"}\n# EOF', b""):
        await topics.produce("order.updated", order(2), headers=[("traceparent", hostile)])
    await eventually(lambda: len(client.events("order:updated")) == 5, 20, "all orders are heard")
    async with httpx.AsyncClient() as scraper:
        answer = await scraper.get(f"{pod.url}/metrics", headers=OPENMETRICS)
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    exemplars = [s.exemplar for family in read_openmetrics(answer.text) for s in family.samples if s.exemplar]
    assert [exemplar.labels["trace_id"] for exemplar in exemplars] == [TRACE_ID]


async def test_a_pod_that_leaves_tells_how_far_it_has_come(
    start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    pod = await start_pod(REALTIME_DRAIN__WAVE_SOCKETS="1", REALTIME_DRAIN__WAVE_INTERVAL_SECONDS="1")
    clients = [await connect(pod.url, issuer.token(f"u-{n}")) for n in range(3)]
    pod.signal(signal.SIGTERM)
    await is_at_least(pod, 1, "realtime_draining")
    assert await is_at_least(pod, 1, "realtime_draining_sessions") <= len(clients)
    await is_at_least(pod, 1, "realtime_drain_waves_total")
    assert 1 <= await total(pod, "realtime_draining_seconds") < 20


async def test_tokens_that_are_not_believed_are_counted_by_reason(pod: Pod, issuer: Issuer) -> None:
    async with httpx.AsyncClient(base_url=pod.url) as rest:
        for token in (issuer.expired("svc", "service"), issuer.tampered("svc"), "a.b.c"):
            answer = await rest.get("/realtime/stats", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401
    assert await total(pod, "realtime_token_rejections_total", reason="expired") == 1
    assert await total(pod, "realtime_token_rejections_total", reason="bad_signature") == 1
    assert await total(pod, "realtime_token_rejections_total", reason="malformed") == 1
    assert await total(pod, "realtime_token_rejections_total") == 3


async def test_promtool_finds_nothing_to_say_about_what_a_pod_tells(
    pod: Pod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    promtool = need("promtool")
    client = await connect(pod.url, issuer.token("u"))
    await client.command('a "quoted"\nname', {})
    await topics.produce("order.updated", order(1))
    await is_at_least(pod, 1, "realtime_events_total", outcome="published")
    async with httpx.AsyncClient() as scraper:
        told = (await scraper.get(f"{pod.url}/metrics")).text
    checked = subprocess.run([promtool, "check", "metrics"], input=told, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
