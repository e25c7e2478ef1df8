"""That the parts the other tests stand on do what those tests take for granted."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import jwt
import pytest
import socketio
from aiohttp import web
from aiokafka import AIOKafkaConsumer
from redis.asyncio import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from parts.child import Child
from parts.clients import Client
from parts.embedded_kafka import EmbeddedKafka
from parts.fixtures import Connect
from parts.haproxy import Haproxy
from parts.http import get
from parts.js_client import JsClient
from parts.ports import CLUSTER_BUS, CLUSTER_PORTS, PORTS, free_port, own_share
from parts.python_client import PythonClient
from parts.redis_cluster import RedisCluster
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.tokens import MALFORMED, Issuer
from parts.topics import Topics
from parts.waiting import eventually

CLIENTS = [PythonClient, JsClient]
TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]]


class WebServer:
    """A web application on a loopback port."""

    def __init__(self, application: web.Application) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


# --- ports, waiting and children


def test_no_two_workers_and_no_two_kinds_of_parts_take_the_same_ports() -> None:
    buses = range(CLUSTER_PORTS.start + CLUSTER_BUS, CLUSTER_PORTS.stop + CLUSTER_BUS)
    shares = [own_share(ports, f"gw{worker}", 3) for ports in (PORTS, CLUSTER_PORTS, buses) for worker in range(3)]
    taken = [port for share in shares for port in share]
    assert len(set(taken)) == len(taken) == len(PORTS) + 2 * len(CLUSTER_PORTS)


async def test_a_wait_in_vain_says_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match="pigs fly"):
        await eventually(lambda: False, 0.05, "pigs fly")


async def test_a_part_that_cannot_start_tells_its_last_words(tmp_path: Path) -> None:
    class Doomed(Child):
        async def is_ready(self) -> bool:
            return False

    child = Doomed("doomed", [sys.executable, "-c", "raise SystemExit('out of luck')"], tmp_path)
    with pytest.raises(AssertionError, match="doomed ended with 1") as raised:
        await child.start()
    assert "out of luck" in raised.value.__notes__[0]


# --- Kafka


async def test_kafka_carries_records_to_a_group(topics: Topics) -> None:
    sent = await topics.produce("order.created", {"orderId": "17"}, key="17", headers=[("trace", b"t")])
    consumer = AIOKafkaConsumer(
        topics.name("order.created"),
        bootstrap_servers=topics.kafka.bootstrap_servers,
        group_id=topics.group_id,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        record = await consumer.getone()
        await consumer.commit()
        assert await consumer.committed(sent.topic_partition) == sent.offset + 1
    assert (record.key, record.value, record.headers) == (b"17", b'{"orderId": "17"}', (("trace", b"t"),))
    assert await topics.read("order.created") == [record]


async def test_the_embedded_kafka_comes_back_empty_on_its_port(tmp_path: Path, prefix: str) -> None:
    broker = EmbeddedKafka(tmp_path)
    topics = Topics(broker, prefix)
    try:
        for _ in range(2):
            await broker.start()
            await topics.create()
            await topics.produce("order.created", b"17")
            assert [record.value for record in await topics.read("order.created")] == [b"17"]
            await broker.kill()
    finally:
        await broker.kill()


# --- Redis


async def test_a_killed_redis_comes_back_with_its_data(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url) as redis:
        await redis.set("a", "1")
    await own_redis.kill()
    await own_redis.start()
    async with Redis.from_url(own_redis.url) as redis:
        assert await redis.get("a") == b"1"


async def test_redis_can_come_back_having_forgotten_all(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url) as redis:
        await redis.set("a", "1")
    assert await own_redis.stop() == 0
    await own_redis.start(forget=True)
    async with Redis.from_url(own_redis.url) as redis:
        assert await redis.get("a") is None


async def test_a_frozen_redis_does_not_answer_until_it_goes_on(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url, socket_timeout=0.1, retry=None) as redis:
        await redis.set("a", "1")
        own_redis.pause()
        with pytest.raises(RedisTimeoutError):
            await redis.get("a")
        own_redis.resume()
        assert await redis.get("a") == b"1"


async def test_sentinels_put_a_replica_in_the_place_of_a_primary(own_sentinel: RedisSentinel) -> None:
    first = await own_sentinel.primary()
    assert first is own_sentinel.nodes[0]
    async with Redis.from_url(first.url) as redis:
        await redis.set("a", "1")
        await redis.wait(2, 5_000)
    second = await own_sentinel.fail_over()
    assert second is not first
    third = await own_sentinel.kill_primary()
    assert third is not second
    async with Redis.from_url(third.url) as redis:
        assert await redis.get("a") == b"1"
    await second.start()
    assert await own_sentinel.primary() is third


async def test_a_redis_cluster_puts_a_replica_in_the_place_of_a_primary(own_redis_cluster: RedisCluster) -> None:
    first = await own_redis_cluster.owner("{0}:a")
    async with Redis.from_url(first.url) as redis:
        await redis.set("{0}:a", "1")
        await redis.wait(1, 5_000)
    second = await own_redis_cluster.fail_over("{0}:a")
    await eventually(own_redis_cluster.is_whole, 20, "the old primary follows")
    assert await own_redis_cluster.kill_owner("{0}:a") is first
    async with Redis.from_url(first.url) as redis:
        assert await redis.get("{0}:a") == b"1"
    await second.start()
    await eventually(own_redis_cluster.is_whole, 20, "the killed node follows")


async def test_a_slot_moves_with_its_keys(own_redis_cluster: RedisCluster) -> None:
    old, to = await own_redis_cluster.owner("{0}:a"), await own_redis_cluster.owner("{1}:a")
    assert old is not to
    async with Redis.from_url(old.url) as redis:
        await redis.set("{0}:a", "1")
    await own_redis_cluster.move_slot("{0}:a", to)
    assert await own_redis_cluster.owner("{0}:a") is to
    async with Redis.from_url(to.url) as redis:
        assert await redis.get("{0}:a") == b"1"


# --- haproxy and clients


async def ready(_: web.Request) -> web.Response:
    return web.Response(text="ready")


@asynccontextmanager
async def echo_server() -> AsyncIterator[WebServer]:
    """A stock Socket.IO server: lets in who says so, greets, and asks whether the greeting was heard."""
    server = socketio.AsyncServer(async_mode="aiohttp")

    async def connect(sid: str, _: dict[str, Any], auth: dict[str, str] | None) -> None:
        if auth != {"token": "let me in"}:
            raise socketio.exceptions.ConnectionRefusedError("who are you", {"code": "unauthenticated"})

    async def greet(sid: str, *args: Any) -> dict[str, Any]:
        heard = await server.call("greeting", tuple(args), to=sid)
        return {"ok": True, "heard": heard}

    server.on("connect", connect)
    server.on("greet", greet)
    application = web.Application()
    application.add_routes([web.get("/health/ready", ready)])
    server.attach(application)
    async with WebServer(application) as served:
        yield served
        await server.shutdown()


@pytest.fixture
async def two_behind_haproxy(tmp_path: Path) -> AsyncIterator[Haproxy]:
    async with echo_server() as one, echo_server() as other:
        haproxy = Haproxy(tmp_path / "haproxy", {"one": one.port, "other": other.port})
        try:
            await haproxy.start()
            await haproxy.sees("one", "other")
            yield haproxy
        finally:
            await haproxy.kill()


@pytest.mark.parametrize("by", CLIENTS)
@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
async def test_a_client_behind_haproxy_hears_what_it_is_told_and_answers(
    by: type[Client], transports: list[str], two_behind_haproxy: Haproxy, connect: Connect
) -> None:
    client = await connect(two_behind_haproxy.url, "let me in", by=by, transports=transports)
    if len(transports) == 2:
        await client.wait_for(lambda heard: heard.kind == "upgrade" and heard.name == "websocket")
    said = ("hello", {"a": [1, None]})
    assert await client.command("greet", *said) == {"ok": True, "heard": list(said)}
    assert (await client.wait_for_event("greeting")).args == said
    await client.close()
    await client.wait_for(lambda heard: heard.kind == "disconnect")


async def test_haproxy_gives_new_clients_to_pods_that_are_ready(tmp_path: Path) -> None:
    is_ready = {"one": True, "other": True}

    def pod(name: str) -> web.Application:
        async def health(_: web.Request) -> web.Response:
            return web.Response(status=200 if is_ready[name] else 503)

        async def whoami(_: web.Request) -> web.Response:
            return web.Response(text=name)

        application = web.Application()
        application.add_routes([web.get("/health/ready", health), web.get("/", whoami)])
        return application

    async with AsyncExitStack() as at_the_end:
        pods = {name: await at_the_end.enter_async_context(WebServer(pod(name))) for name in is_ready}
        haproxy = Haproxy(tmp_path, {name: server.port for name, server in pods.items()})
        at_the_end.push_async_callback(haproxy.kill)
        await haproxy.start()
        await haproxy.sees("one", "other")
        is_ready["one"] = False
        await haproxy.sees("other")
        replies = [await get(haproxy.url) for _ in range(4)]
        assert [reply.text for reply in replies if reply] == ["other"] * 4


@pytest.mark.parametrize("by", CLIENTS)
async def test_a_client_without_an_ack_says_so(by: type[Client], connect: Connect) -> None:
    async with echo_server() as server:
        client = await connect(server.url, "let me in", by=by)
        with pytest.raises(TimeoutError):
            await client.command("nobody listens", timeout_seconds=0.1)


@pytest.mark.parametrize("by", CLIENTS)
@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
async def test_a_refused_client_is_told_why(by: type[Client], transports: list[str]) -> None:
    async with echo_server() as server, by(server.url, "wrong", transports=transports) as client:
        refusal = client.heard[-1]
        assert (refusal.kind, refusal.name) == ("connect_error", "who are you")


@pytest.mark.parametrize("by", CLIENTS)
async def test_a_client_that_reaches_nobody_says_so(by: type[Client]) -> None:
    async with by(f"http://127.0.0.1:{free_port()}") as client:
        assert [heard.kind for heard in client.heard] == ["connect_error"]


# --- tokens


@pytest.mark.parametrize(
    "issuer", [Issuer.hs256(), Issuer.rs256(), Issuer.es256()], ids=lambda issuer: issuer.algorithm
)
def test_good_tokens_hold_and_hostile_ones_do_not(issuer: Issuer) -> None:
    def claims(token: str) -> dict[str, Any]:
        return jwt.decode(
            token, issuer.verification_key, [issuer.algorithm], audience=issuer.audience, issuer=issuer.name
        )

    good = claims(issuer.token("u1", "admin"))
    assert (good["sub"], good["roles"]) == ("u1", ["admin"])
    hostile = [
        issuer.expired("u1"),
        issuer.unsigned("u1"),
        issuer.tampered("u1"),
        issuer.token("u1", aud="other"),
    ]
    if issuer.algorithm != "HS256":
        hostile.append(issuer.confused("u1"))
    for token in (*hostile, *MALFORMED):
        with pytest.raises(jwt.InvalidTokenError):
            claims(token)
