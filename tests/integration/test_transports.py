"""Pods that serve one transport only: the other is refused in Engine.IO's own words, readably, and counted."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from conformance.raw import Wire
from parts.clients import Client
from parts.fixtures import Connect, StartPod
from parts.js_client import JsClient
from parts.pod import Pod
from parts.python_client import PythonClient
from parts.scrape import total
from parts.tokens import Issuer

WEBSOCKET_ALONE = "Transport unknown: only websocket is served here"
POLLING_ALONE = "Transport unknown: only polling is served here"
STOCK = [("polling", "websocket")]
ONLY_POLLING = [("polling",)]


@pytest.fixture
async def websocket_pod(start_pod: StartPod) -> Pod:
    return await start_pod(REALTIME_SOCKETS__TRANSPORTS="websocket", REALTIME_HTTP__CORS_ORIGINS="https://shop.example")


@pytest.fixture
async def polling_pod(start_pod: StartPod) -> Pod:
    return await start_pod(REALTIME_SOCKETS__TRANSPORTS="polling")


async def refused(pod: Pod) -> float:
    return await total(pod, "realtime_refused_requests_total", problem="unknown_transport")


@pytest.mark.parametrize("by", [PythonClient, JsClient], ids=["python", "javascript"])
@pytest.mark.parametrize("transports", STOCK + ONLY_POLLING, ids=["stock", "polling"])
async def test_a_client_that_begins_with_polling_where_there_is_none_is_told_so(
    websocket_pod: Pod, issuer: Issuer, by: type[Client], transports: Sequence[str]
) -> None:
    async with by(websocket_pod.url, issuer.token("u"), transports=transports) as client:
        assert [heard.kind for heard in client.heard] == ["connect_error"]
        said = " ".join((client.heard[0].name, *map(str, client.heard[0].args)))
        assert WEBSOCKET_ALONE in said
        assert client.sid is None
    assert await refused(websocket_pod) == 1


@pytest.mark.parametrize("by", [PythonClient, JsClient], ids=["python", "javascript"])
async def test_a_client_that_comes_by_websocket_is_served_where_there_is_no_polling(
    websocket_pod: Pod, connect: Connect, issuer: Issuer, by: type[Client]
) -> None:
    client = await connect(websocket_pod.url, issuer.token("u"), by=by, transports=("websocket",))
    assert (await client.command("subscribe:orders"))["ok"]
    assert await refused(websocket_pod) == 0


@pytest.mark.parametrize("by", [PythonClient, JsClient], ids=["python", "javascript"])
async def test_a_stock_client_stays_on_polling_where_there_are_no_websockets(
    polling_pod: Pod, connect: Connect, issuer: Issuer, by: type[Client]
) -> None:
    client = await connect(polling_pod.url, issuer.token("u"), by=by, transports=("polling", "websocket"))
    assert (await client.command("subscribe:orders"))["ok"]
    stats = await client.command("request:stats")
    assert stats["stats"]["sessions"][0]["transport"] == "polling"
    assert await refused(polling_pod) == 0


async def test_what_is_not_served_is_refused_in_each_form_and_counted(websocket_pod: Pod, polling_pod: Pod) -> None:
    origin = {"Origin": "https://shop.example"}
    for method in ("GET", "POST"):
        for query in ("EIO=4&transport=polling", "EIO=4&transport=polling&sid=x", "EIO=3&transport=polling"):
            async with Wire(websocket_pod.port) as wire:
                response = await wire.ask(method, f"/socket.io/?{query}", origin)
            assert response.status == 400
            assert json.loads(response.body) == {"code": 0, "message": WEBSOCKET_ALONE}
            # A page of an allowed origin may read it.
            assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert await refused(websocket_pod) == 6
    for query in ("EIO=4&transport=websocket", "EIO=4&transport=websocket&sid=x"):
        async with Wire(polling_pod.port) as wire:
            response = await wire.upgrade(f"/socket.io/?{query}")
        assert response.status == 400
        assert json.loads(response.body) == {"code": 0, "message": POLLING_ALONE}
    assert await refused(polling_pod) == 2


async def test_what_is_no_transport_at_all_is_refused_as_before(websocket_pod: Pod) -> None:
    async with Wire(websocket_pod.port) as wire:
        response = await wire.ask("GET", "/socket.io/?EIO=4&transport=webtransport")
    assert json.loads(response.body) == {"code": 0, "message": "Transport unknown"}


async def test_a_refusal_is_sent_whole(websocket_pod: Pod) -> None:
    """python-engineio's client knows only what came with the head."""
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", websocket_pod.port)
        writer.write(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: pod\r\n\r\n")
        first = await reader.read(65_536)
        assert first.startswith(b"HTTP/1.1 400 ")
        assert first.endswith(b"}")
        writer.close()
