"""Whatever a client says, it gets a clear answer, is counted, and harms nobody else."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import aiohttp
import httpx
import pytest
import pytest_asyncio

from parts.fixtures import Connect, StartPod
from parts.kafka import Kafka
from parts.pod import Pod
from parts.python_client import PythonClient
from parts.redis_server import RedisServer
from parts.tokens import MALFORMED, Issuer
from parts.topics import Topics
from parts.waiting import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pod(
    kafka: Kafka, redis_server: RedisServer, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pod]:
    """One pod for the whole module: what one hostile client does to it, the next one finds."""
    prefix = f"t{uuid4().hex[:8]}"
    topics = Topics(kafka, prefix)
    await topics.create(partitions=1)
    own = {"REALTIME_REDIS__URL": redis_server.url, "REALTIME_REDIS__KEY_PREFIX": prefix}
    pod = Pod("hardened", tmp_path_factory.mktemp("pod"), topics.settings | issuer.settings | own)
    await pod.start()
    yield pod
    await pod.kill()
    await topics.delete()


@pytest.fixture
async def raw(pod: Pod, issuer: Issuer) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A connected websocket of the user `u`, to write into what no client library would."""
    url = f"{pod.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.receive_str(timeout=5)
        await socket.send_str("40" + json.dumps({"token": issuer.token("u")}))
        assert (await socket.receive_str(timeout=5)).startswith("40")
        assert (await socket.receive_str(timeout=5)).startswith('42["connection:success"')
        yield socket


async def _answers(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether the socket still carries out commands."""
    await socket.send_str('42999["request:stats"]')
    while True:
        packet = await socket.receive_str(timeout=5)
        if packet.startswith("43999"):
            return bool(json.loads(packet[5:])[0]["ok"])


async def test_a_token_is_taken_from_the_three_places_the_contract_names(
    pod: Pod, connect: Connect, issuer: Issuer
) -> None:
    token = issuer.token("u")
    await connect(pod.url, token)
    await connect(pod.url, headers={"Authorization": f"Bearer {token}"})
    await connect(f"{pod.url}?token={token}")


@pytest.mark.parametrize("kind", ["none", "malformed", "expired", "wrong audience", "unsigned", "tampered", "no token"])
async def test_a_bad_token_is_refused_with_its_reason(pod: Pod, issuer: Issuer, kind: str) -> None:
    tokens = {
        "none": issuer.unsigned("u"),
        "malformed": MALFORMED[3],
        "expired": issuer.expired("u"),
        "wrong audience": issuer.token("u", aud="another"),
        "unsigned": issuer.unsigned("u"),
        "tampered": issuer.tampered("u"),
        "no token": None,
    }
    async with PythonClient(pod.url, tokens[kind]) as client:
        (refused,) = [heard for heard in client.heard if heard.kind == "connect_error"]
        error = refused.args[0]
        code = "token_expired" if kind == "expired" else "unauthenticated"
        assert error["data"]["code"] == code
        assert error["data"]["retryable"] is (kind == "expired")
        assert len(error["message"]) > 10
    async with httpx.AsyncClient() as http:
        assert f'realtime_connects_total{{outcome="{code}"}}' in (await http.get(f"{pod.url}/metrics")).text


async def test_a_bare_user_id_is_believed_only_in_the_insecure_development_mode(
    pod: Pod, start_pod: StartPod, connect: Connect
) -> None:
    async with PythonClient(f"{pod.url}?userId=u") as client:
        assert client.heard[0].kind == "connect_error"
    insecure = await start_pod(REALTIME_AUTH__INSECURE_DEVELOPMENT_MODE="true")
    client = await connect(f"{insecure.url}?userId=u")
    assert (await client.wait_for_event("connection:success")).args[0]["userId"] == "u"
    assert "insecure_development_mode" in insecure.log.read_text()


@pytest.mark.parametrize(
    "packet",
    [
        '421["subscribe:orders",17]',
        '421["subscribe:orders",["u"]]',
        '421["subscribe:orders",{"userId":17}]',
        '421["subscribe:orders",{"userid":"u"}]',
        '421["subscribe:orders",{},{}]',
        '421["subscribe:inventory",{"productIds":"p"}]',
        '421["subscribe:inventory",{"productIds":[]}]',
        '421["auth:refresh",{}]',
        '421["no:such:command",{}]',
        '421["",{}]',
    ],
)
async def test_a_wrong_command_is_answered_and_the_session_goes_on(
    raw: aiohttp.ClientWebSocketResponse, packet: str
) -> None:
    await raw.send_str(packet)
    answer = json.loads((await raw.receive_str(timeout=5))[3:])[0]
    assert answer["ok"] is False
    assert answer["error"]["code"] == "invalid_command"
    assert await _answers(raw)


@pytest.mark.parametrize(
    "packet",
    [
        "42",
        "42[]",
        "42{}",
        "42[17]",
        '42[{"a":1}]',
        '42["x"',
        "47",
        "4",
        "9",
        "",
        "421" * 50,
        '42/nowhere,["x"]',
        "43999[]",
    ],
)
async def test_a_packet_that_breaks_the_protocol_harms_nobody_else(
    raw: aiohttp.ClientWebSocketResponse, pod: Pod, connect: Connect, issuer: Issuer, packet: str
) -> None:
    await raw.send_str(packet)
    neighbour = await connect(pod.url, issuer.token("neighbour"))
    assert (await neighbour.command("request:stats"))["ok"]
    assert await pod.is_ready()


async def test_a_payload_of_a_megabyte_closes_its_socket_and_no_other(
    raw: aiohttp.ClientWebSocketResponse, pod: Pod, connect: Connect, issuer: Issuer
) -> None:
    neighbour = await connect(pod.url, issuer.token("neighbour"))
    await raw.send_str('421["subscribe:orders",{"userId":"' + "x" * 1_000_000 + '"}]')
    closed = await raw.receive(timeout=5)
    assert closed.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    assert raw.close_code == 1009  # RFC 6455 section 7.4.1: message too big
    assert (await neighbour.command("request:stats"))["ok"]


async def test_a_flood_of_commands_is_slowed_down_and_at_last_ended_without_delaying_others(
    start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    pod = await start_pod(REALTIME_LIMITS__REFUSED_COMMANDS_MAX="100")
    neighbour = await connect(pod.url, issuer.token("neighbour"))
    flooding = await connect(pod.url, issuer.token("u"))
    for number in range(400):
        await flooding.send("subscribe:inventory", {"productIds": [f"p-{number}"]})
    assert (await neighbour.command("request:stats", timeout_seconds=2))["ok"]
    closing = (await flooding.wait_for_event("connection:closing")).args[0]
    assert closing["code"] == "rate_limited"
    assert closing["retryable"] is False
    await eventually(lambda: flooding.sid is None, 5, "the flooding socket is closed")
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{pod.url}/metrics")).text
    assert 'realtime_commands_total{command="subscribe:inventory",outcome="rate_limited"}' in text


async def test_a_session_ends_with_its_token_unless_it_is_refreshed(
    start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    pod = await start_pod(REALTIME_AUTH__LEEWAY_SECONDS="0")
    ending = await connect(pod.url, issuer.token("u", expires_in_seconds=3))
    lasting = await connect(pod.url, issuer.token("u", expires_in_seconds=3))
    refreshed = await lasting.command("auth:refresh", {"token": issuer.token("u")})
    assert refreshed["ok"]
    assert (await lasting.command("auth:refresh", {"token": issuer.token("v")}))["error"]["code"] == "forbidden"
    assert (await ending.wait_for_event("connection:closing")).args[0]["code"] == "token_expired"
    await eventually(lambda: ending.sid is None, 5, "the socket is closed")
    assert (await lasting.command("request:stats"))["ok"]


async def test_a_leaving_pod_tells_its_clients_and_ends_with_exit_code_0(
    start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    pod = await start_pod()
    client = await connect(pod.url, issuer.token("u"))
    assert await pod.terminate() == 0
    notice = await client.wait_for_event("server:draining")
    assert 0 <= notice.args[0]["retryAfterMs"] <= 100
    await client.wait_for(lambda heard: heard.kind == "disconnect")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("REALTIME_KAFFKA__GROUP_ID", "x"),
        ("REALTIME_SOCKETS__PING_TIMEOUT_SECONDS", "soon"),
        ("REALTIME_KAFKA__TOPICS__ORDER_CREATED", "no spaces please"),
        ("REALTIME_AUTH__SECRET", "short"),
    ],
)
async def test_a_pod_does_not_start_with_a_wrong_setting_and_names_it(
    start_pod: StartPod, setting: str, value: str
) -> None:
    with pytest.raises(AssertionError, match="ended with 2") as refused:
        await start_pod(**{setting: value})
    told = "\n".join(refused.value.__notes__)
    assert "mend these settings" in told
    assert setting in told or setting.rpartition("__")[0] in told
