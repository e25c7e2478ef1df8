"""A pod leaves in order: its clients go on elsewhere, at a pace that the others can bear."""

import signal
from uuid import uuid4

import aiohttp
import pytest

from parts.clients import Client
from parts.crowd import Crowd, Listener
from parts.fixtures import Connect, MakeCluster, StartPod
from parts.http import get
from parts.js_client import JsClient
from parts.pod import Cluster, Pod
from parts.tokens import Issuer
from parts.waiting import eventually

WAVES = {
    "REALTIME_DRAIN__SETTLE_SECONDS": "1",
    "REALTIME_DRAIN__WAVE_SOCKETS": "2",
    "REALTIME_DRAIN__WAVE_INTERVAL_SECONDS": "0.3",
}


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


async def test_a_leaving_pods_clients_recover_on_another(
    make_cluster: MakeCluster, connect: Connect, user: str
) -> None:
    cluster = await make_cluster(pods=2, settings=WAVES)
    clients: list[Client] = []
    for _ in range(3):
        client = await connect(
            cluster.url, cluster.issuer.token(user), by=JsClient, reconnects=True, auth={"recovery": True}
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
    slow = {
        "REALTIME_DRAIN__SETTLE_SECONDS": "600",
        "REALTIME_DRAIN__WAVE_SOCKETS": "1",
        "REALTIME_DRAIN__WAVE_INTERVAL_SECONDS": "600",
        "REALTIME_DRAIN__GRACE_SECONDS": "6000",
    }
    pod = await start_pod(**slow)
    clients = [await connect(pod.url, issuer.token(f"u-{n}")) for n in range(3)]
    pod.signal(signal.SIGTERM)
    await eventually(lambda: is_leaving(pod), 5, "it is leaving")
    pod.signal(signal.SIGTERM)
    assert await pod.ended() == 0
    for client in clients:
        await client.wait_for_event("server:draining")


async def test_who_never_reads_does_not_hold_up_who_leaves(
    start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    pod = await start_pod(REALTIME_DRAIN__GRACE_SECONDS="8", **WAVES)
    client = await connect(pod.url, issuer.token("u"))
    async with aiohttp.ClientSession() as session:
        stuck = await session.ws_connect(f"{pod.url}/socket.io/?EIO=4&transport=websocket", autoclose=False)
        await stuck.receive()
        await stuck.send_str(f'40{{"token":"{issuer.token("stuck")}"}}')
        await stuck.receive()
        # From here on it neither reads nor answers the end of its websocket.
        assert await pod.terminate() == 0
        await client.wait_for_event("server:draining")


async def test_a_storm_of_handshakes_is_slowed_down_and_everybody_gets_in(
    start_pod: StartPod, listeners: list[Listener], issuer: Issuer
) -> None:
    pod = await start_pod(
        REALTIME_LIMITS__HANDSHAKES_PER_SECOND="5", REALTIME_LIMITS__HANDSHAKES_BURST="3", roles="sockets"
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
