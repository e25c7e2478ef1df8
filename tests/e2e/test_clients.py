"""The stock clients, over every transport, through a sticky proxy, with three pods behind it."""

from collections.abc import Sequence

import pytest

from parts.clients import Client
from parts.fixtures import Connect
from parts.js_client import JsClient
from parts.pod import Cluster
from parts.python_client import PythonClient
from parts.waiting import eventually

pytestmark = [
    pytest.mark.parametrize("by", [PythonClient, JsClient], ids=["python", "javascript"]),
    pytest.mark.parametrize(
        "transports",
        [("websocket",), ("polling",), ("polling", "websocket")],
        ids=["websocket", "polling", "polling-that-upgrades"],
    ),
]


async def test_a_client_is_told_that_it_is_connected_and_gets_its_order_events_once_and_in_order(
    cluster: Cluster, connect: Connect, user: str, by: type[Client], transports: Sequence[str]
) -> None:
    client = await connect(cluster.url, cluster.issuer.token(user), by=by, transports=transports)
    connected = (await client.wait_for_event("connection:success")).args[0]
    assert connected["userId"] == user
    assert connected["socketId"] == client.sid
    assert connected["rooms"] == [f"user:{user}"]
    assert (await client.command("subscribe:orders", {}))["ok"]
    states = ["confirmed", "processing", "shipped", "delivered"]
    for state in states:
        await cluster.topics.produce("order.updated", {"orderId": "o", "userId": user, "status": state}, key="o")
    await client.wait_for_event("order:updated", count=len(states))
    await client.wait_for_event("notification", count=len(states))
    assert [heard.args[0]["status"] for heard in client.events("order:updated")] == states


async def test_a_client_that_may_change_its_transport_ends_up_on_a_websocket(
    cluster: Cluster, connect: Connect, user: str, by: type[Client], transports: Sequence[str]
) -> None:
    client = await connect(cluster.url, cluster.issuer.token(user), by=by, transports=transports)

    async def transport() -> str:
        answer = await client.command("request:stats")
        return str(answer["stats"]["sessions"][0]["transport"])

    async def is_on_its_last_transport() -> bool:
        return await transport() == transports[-1]

    await eventually(is_on_its_last_transport, 10, f"the pod sees the client on {transports[-1]}")


async def test_a_refused_client_is_told_why(cluster: Cluster, by: type[Client], transports: Sequence[str]) -> None:
    async with by(cluster.url, "not.a.token", transports=transports) as client:
        refused = client.heard[0] if client.heard[0].kind == "connect_error" else client.heard[-1]
        assert refused.kind == "connect_error"
        assert "token is not valid" in refused.name
        assert client.sid is None


async def test_a_large_message_arrives_whole(
    cluster: Cluster, connect: Connect, user: str, by: type[Client], transports: Sequence[str]
) -> None:
    client = await connect(cluster.url, cluster.issuer.token(user), by=by, transports=transports)
    await client.command("subscribe:inventory", {"productIds": [user]})
    changes = {f"field-{number}": "ä€😀" * 300 for number in range(20)}
    await cluster.topics.produce("product.updated", {"productId": user, "changes": changes})
    heard = await client.wait_for_event("product:updated")
    assert heard.args[0]["changes"] == changes
