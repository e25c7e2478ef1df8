"""A pod leaves in order: its clients go on elsewhere, at a pace that the others can bear."""

import asyncio
import inspect
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from conformance import raw
from conformance.raw import Wire
from parts.child import Child
from parts.clients import Client
from parts.crowd import Crowd, Listener
from parts.fixtures import Connect, MakeCluster, StartPod
from parts.http import get
from parts.js_client import JsClient
from parts.kafka import Kafka
from parts.pod import Cluster, Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

WAVES = {
    "REALTIME_DRAIN__SETTLE_SECONDS": "1",
    "REALTIME_DRAIN__WAVE_SOCKETS": "2",
    "REALTIME_DRAIN__WAVE_INTERVAL_SECONDS": "0.3",
}
# Who leaves so must be hurried.
FOR_EVER = {
    "REALTIME_DRAIN__SETTLE_SECONDS": "0",
    "REALTIME_DRAIN__WAVE_SOCKETS": "1",
    "REALTIME_DRAIN__WAVE_INTERVAL_SECONDS": "600",
    "REALTIME_DRAIN__GRACE_SECONDS": "6000",
}
ASSIGNED = "realtime_kafka_assigned_partitions"


async def of_metric(pod: Pod, name: str) -> float:
    """A metric's sum over its labels."""
    response = await get(f"{pod.url}/metrics")
    if response is None:
        return -1
    lines = [line for line in response.text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def is_leaving(pod: Pod) -> bool:
    response = await get(f"{pod.url}/health/ready")
    return response is not None and response.status_code == 503 and "leaving" in response.text


@pytest.fixture
def listeners() -> list[Listener]:
    return [Listener(f"u-{n}-{uuid4().hex[:4]}", "", ("subscribe:orders",)) for n in range(12)]


async def test_a_leaving_pod_is_not_ready_at_once_serves_while_endpoints_settle_and_then_moves_its_sockets(
    make_cluster: MakeCluster, connect: Connect, user: str
) -> None:
    cluster = await make_cluster(pods=2, settings=WAVES)
    leaving, staying = cluster.pods
    token = cluster.issuer.token(user)
    client = await connect(leaving.url, token)
    leaving.signal(signal.SIGTERM)
    await eventually(lambda: is_leaving(leaving), 1, "it is not ready")
    # Load balancers may not have noticed yet: whoever comes is still served, and nobody has been sent away.
    late = await connect(leaving.url, token)
    assert (await late.command("subscribe:orders"))["ok"]
    assert client.sid
    assert not client.events("server:draining")
    for one in (client, late):
        await one.wait_for_event("server:draining")
        await one.wait_for(lambda heard: heard.kind == "disconnect")
    assert await leaving.ended() == 0
    assert (await connect(staying.url, token)).sid


@pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids=["websocket", "polling", "both"]
)
async def test_a_leaving_pods_clients_recover_on_another(
    make_cluster: MakeCluster, connect: Connect, user: str, transports: Sequence[str]
) -> None:
    cluster = await make_cluster(pods=2, settings=WAVES)
    clients: list[Client] = []
    for _ in range(3):
        client = await connect(
            cluster.url,
            cluster.issuer.token(user),
            by=JsClient,
            transports=transports,
            reconnects=True,
            auth={"recovery": True},
        )
        assert (await client.command("subscribe:orders"))["ok"]
        clients.append(client)
    for pod in cluster.pods:
        await restart(cluster, pod)
        await cluster.topics.produce(
            "order.updated", {"orderId": pod.name, "userId": user, "status": "shipped"}, key=user
        )
    for client in clients:
        await client.wait_for_event("order:updated", count=2, timeout_seconds=20)
        assert [heard.args[0]["orderId"] for heard in client.events("order:updated")] == ["pod-0", "pod-1"]
        assert isinstance(client, JsClient)
        assert client.recovered


async def test_intake_has_left_the_group_before_the_first_socket_leaves(
    make_cluster: MakeCluster, connect: Connect, issuer: Issuer
) -> None:
    cluster = await make_cluster(pods=2, settings=FOR_EVER)
    leaving, staying = cluster.pods
    clients = [await connect(leaving.url, issuer.token(f"u-{n}")) for n in range(3)]
    had = await of_metric(leaving, ASSIGNED), await of_metric(staying, ASSIGNED)
    assert all(had)
    leaving.signal(signal.SIGTERM)

    async def has_all() -> bool:
        return await of_metric(staying, ASSIGNED) == sum(had)

    await eventually(has_all, 20, "the other one has all partitions")
    assert await of_metric(leaving, "realtime_draining_sessions") in {0, 3}
    assert not any(heard.kind == "disconnect" for client in clients for heard in client.heard)
    leaving.signal(signal.SIGTERM)
    assert await leaving.ended() == 0


async def restart(cluster: Cluster, pod: Pod) -> None:
    assert await pod.terminate() == 0
    await pod.start()
    await cluster.haproxy.sees(*(pod.name for pod in cluster.with_sockets))


async def test_sockets_leave_in_waves(start_pod: StartPod, listeners: list[Listener], issuer: Issuer) -> None:
    pod = await start_pod(**WAVES)
    left: list[float] = []
    async with Crowd(pod.url, lambda name: name == "server:draining") as crowd:
        for listener in listeners:
            listener.token = issuer.token(listener.user_id)
            crowd.add(listener)
        await eventually(crowd.all_listen, 10, "all listen")
        pod.signal(signal.SIGTERM)

        async def has_ended() -> bool:
            if pod.is_running:
                left.append(await of_metric(pod, "realtime_draining_sessions"))
            return not pod.is_running

        await eventually(has_ended, 20, "it has left")
        told = [len(listener.heard) for listener in listeners]
    steps = [step for step in dict.fromkeys(left) if step > 0]
    assert steps == sorted(steps, reverse=True)
    assert set(steps) <= {12.0, 10.0, 8.0, 6.0, 4.0, 2.0}
    assert len(steps) >= 4
    assert told == [1] * 12
    assert await pod.ended() == 0


async def test_a_second_signal_hurries(start_pod: StartPod, connect: Connect, issuer: Issuer) -> None:
    pod = await start_pod(**FOR_EVER | {"REALTIME_DRAIN__SETTLE_SECONDS": "600"})
    clients = [await connect(pod.url, issuer.token(f"u-{n}")) for n in range(3)]
    pod.signal(signal.SIGTERM)
    await eventually(lambda: is_leaving(pod), 5, "it is leaving")
    pod.signal(signal.SIGTERM)
    assert await pod.ended() == 0
    for client in clients:
        await client.wait_for_event("server:draining")


async def test_who_ignores_the_end_or_never_reads_does_not_hold_up_who_leaves(
    make_cluster: MakeCluster, connect: Connect, issuer: Issuer
) -> None:
    cluster = await make_cluster(pods=1, settings=WAVES | {"REALTIME_DRAIN__GRACE_SECONDS": "8"})
    [pod] = cluster.pods
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:inventory", {"productIds": ["p"]})
    async with Wire(pod.port) as ignoring, Wire(pod.port, receive_buffer_bytes=4_096) as stuck:
        for wire in (ignoring, stuck):
            assert (await wire.upgrade("/socket.io/?EIO=4&transport=websocket")).status == 101
            await wire.send(raw.text(f'40{{"token":"{issuer.token("stuck")}"}}'))
            while not str(await wire.message()).startswith('42["connection:success"'):
                pass
        await stuck.send(raw.text('421["subscribe:inventory",{"productIds":["p"]}]'))
        while not str(await stuck.message()).startswith("431"):
            pass
        # More than the network keeps for who does not read, less than what waits for a slow client at most.
        for _ in range(24):
            changes = {f"field-{number}": "x" * 1_000 for number in range(20)}
            await cluster.topics.produce("product.updated", {"productId": "p", "changes": changes}, key="p")
        await client.wait_for_event("product:updated", count=24)
        assert await of_metric(pod, "realtime_connections") == 3
        assert await pod.terminate() == 0
        told = await ignoring.rest(answers=False)
        # Between both a ping: who answers it has heard all that was written before.
        assert [frame.text[:20] for frame in told[:-1]] == ['42["server:draining"', "2", '42["connection:closi']
        assert "drain_cut_short" not in pod.log_tail(200)
        await client.wait_for_event("server:draining")


@pytest.mark.parametrize("how", [Child.kill, Child.pause], ids=["gone", "silent"])
@pytest.mark.parametrize("part", ["redis", "kafka"])
async def test_a_pod_leaves_in_time_though_what_it_stands_on_is_away(
    tmp_path: Path,
    own_redis: RedisServer,
    own_kafka: Kafka,
    prefix: str,
    connect: Connect,
    issuer: Issuer,
    part: str,
    how: Callable[[Child], Any],
) -> None:
    topics = Topics(own_kafka, prefix)
    await topics.create()
    grace = {"REALTIME_DRAIN__GRACE_SECONDS": "8"}
    async with Cluster(tmp_path / "pods", topics, own_redis, issuer, pods=1, settings=WAVES | grace) as cluster:
        [pod] = cluster.pods
        clients = [await connect(pod.url, issuer.token(f"u-{n}")) for n in range(3)]
        away = how(own_redis if part == "redis" else own_kafka)
        if inspect.isawaitable(away):
            await away
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await pod.terminate() == 0
        # Settle, grace, and what the README asks operators for beyond both.
        assert loop.time() - began < 1 + 8 + 10
        for client in clients:
            await client.wait_for_event("server:draining")
    (own_redis if part == "redis" else own_kafka).resume()


async def test_a_signal_that_comes_while_the_pod_starts_is_not_lost(start_pod: StartPod) -> None:
    pod = await start_pod(roles="sockets")
    assert await pod.terminate() == 0
    for _ in range(3):
        pod.log.unlink()
        starting = asyncio.create_task(pod.start())
        await eventually(lambda: pod.log.exists() and b"starting" in pod.log.read_bytes(), 20, "it starts")
        pod.signal(signal.SIGTERM)
        assert await pod.ended() == 0
        await asyncio.wait([starting])
        starting.exception()  # that it did not come up, or nothing


async def test_a_storm_of_handshakes_is_slowed_down_and_everybody_gets_in(
    start_pod: StartPod, listeners: list[Listener], issuer: Issuer
) -> None:
    pod = await start_pod(
        REALTIME_LIMITS__HANDSHAKES_PER_SECOND="5",
        REALTIME_LIMITS__HANDSHAKES_BURST="3",
        REALTIME_LIMITS__HANDSHAKES_WAITING_MAX="2",
        roles="sockets",
    )
    async with Crowd(pod.url, lambda _: False) as crowd:
        for listener in listeners:
            listener.token = issuer.token(listener.user_id)
            crowd.add(listener)
        await eventually(crowd.all_listen, 20, "all got in")
        name = 'realtime_refused_requests_total{problem="too_many_handshakes"}'
        assert await of_metric(pod, name) > 0
        # Who is in stays in, and is not counted again.
        assert {listener.connections for listener in listeners} == {1}


async def test_who_comes_too_fast_is_told_when_to_come_back(start_pod: StartPod, issuer: Issuer) -> None:
    pod = await start_pod(
        REALTIME_LIMITS__HANDSHAKES_PER_SECOND="0.1", REALTIME_LIMITS__HANDSHAKES_BURST="1", roles="sockets"
    )
    url = f"{pod.url}/socket.io/?EIO=4&transport="
    async with aiohttp.ClientSession() as session:
        first = await session.get(url + "polling")
        assert first.status == 200
        sid = (await first.text()).split('"sid":"')[1].split('"')[0]
        refused = await session.get(url + "polling")
        assert (refused.status, (await refused.json())["code"]) == (503, 3)
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await session.ws_connect(url + "websocket")
        assert error.value.status == 503
        # A session that is there already goes on.
        body = f'40{{"token":"{issuer.token("u")}"}}'
        assert (await session.post(f"{url}polling&sid={sid}", data=body)).status == 200
        assert (await session.get(f"{url}polling&sid={sid}")).status == 200
