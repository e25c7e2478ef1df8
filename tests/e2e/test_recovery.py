"""A client that returns gets exactly what it missed, once, in order, before anything newer, on any pod."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from parts.clients import Client
from parts.fixtures import Connect
from parts.http import get
from parts.js_client import JsClient
from parts.pod import Cluster
from parts.python_client import PythonClient

MAY_RETURN = {"recovery": True}


class Orders:
    """Numbered events of one user's orders."""

    def __init__(self, cluster: Cluster, user: str) -> None:
        self._topics = cluster.topics
        self._user = user
        self.count = 0

    async def happen(self, count: int = 1) -> None:
        async with self._topics.producer() as producer:
            for _ in range(count):
                self.count += 1
                value = b'{"orderId":"o-%d","userId":"%b","status":"shipped"}' % (self.count, self._user.encode())
                await producer.send_and_wait(self._topics.name("order.updated"), value, key=self._user.encode())


async def watch(cluster: Cluster, connect: Connect) -> Client:
    """Connect an admin, who hears of everything: what is published, and when it has been."""
    admin = await connect(cluster.url, cluster.issuer.token("root", "admin"))
    assert (await admin.command("subscribe:admin"))["ok"]
    return admin


async def are_published(orders: Orders, user: str, watcher: Client) -> None:
    def is_the_last(heard: Any) -> bool:
        data = heard.args[0] if heard.name == "admin:order:updated" else {}
        return data.get("userId") == user and data["orderId"] == f"o-{orders.count}"

    await watcher.wait_for(is_the_last, 20)


def numbers(client: Client, name: str = "order:updated") -> list[int]:
    return [int(heard.args[0]["orderId"].removeprefix("o-")) for heard in client.events(name)]


async def is_told(client: Client, orders: Orders) -> None:
    """Wait until it has heard all, and check that it has heard each once and in order."""
    await client.wait_for(
        lambda heard: heard.name == "order:updated" and heard.args[0]["orderId"] == f"o-{orders.count}", 20
    )
    assert numbers(client) == list(range(1, orders.count + 1))
    assert sorted(set(numbers(client, "notification"))) == numbers(client, "notification")


async def connects(client: JsClient, count: int) -> None:
    await client.wait_for(lambda _: sum(heard.kind == "connect" for heard in client.heard) >= count, 20)


async def follow(cluster: Cluster, connect: Connect, user: str, url: str | None = None, **options: Any) -> JsClient:
    client = await connect(
        url or cluster.url, cluster.issuer.token(user), by=JsClient, reconnects=True, auth=MAY_RETURN, **options
    )
    assert isinstance(client, JsClient)
    assert (await client.command("subscribe:orders"))["ok"]
    return client


async def test_the_stock_client_recovers_on_another_pod_when_its_pod_is_killed(
    own_cluster: Cluster, connect: Connect, user: str
) -> None:
    cluster, orders = own_cluster, Orders(own_cluster, user)
    client = await follow(cluster, connect, user)
    await orders.happen(5)
    await is_told(client, orders)
    first_sid = client.sid
    (pod,) = [pod for pod in cluster.pods if await _holds_a_session(pod.url, cluster)]
    await pod.kill()
    await orders.happen(5)
    await connects(client, 2)
    assert client.recovered
    await is_told(client, orders)
    await orders.happen(5)
    await is_told(client, orders)
    welcome = client.events("connection:success")[-1].args[0]
    assert welcome["recovered"] is True
    assert welcome["rooms"] == [f"orders:{user}", f"user:{user}"]
    assert client.sid != first_sid


async def test_it_recovers_again_and_again(cluster: Cluster, connect: Connect, user: str) -> None:
    orders, client = Orders(cluster, user), await follow(cluster, connect, user)
    for times in range(1, 6):
        await orders.happen()
        await client.drop()
        await orders.happen()
        await connects(client, times + 1)
        assert client.recovered, times
        await orders.happen()
        await is_told(client, orders)


async def test_it_recovers_when_it_had_heard_nothing_yet(cluster: Cluster, connect: Connect, user: str) -> None:
    orders, client = Orders(cluster, user), await follow(cluster, connect, user)
    await client.drop(reconnects=False)
    await client.wait_for(lambda heard: heard.kind == "disconnect")
    await orders.happen(3)
    await client.come_back()
    await connects(client, 2)
    assert client.recovered
    await is_told(client, orders)


async def test_two_tabs_of_a_user_recover_each_for_itself(cluster: Cluster, connect: Connect, user: str) -> None:
    orders = Orders(cluster, user)
    one, other = await follow(cluster, connect, user), await follow(cluster, connect, user)
    await orders.happen(2)
    await one.drop(reconnects=False)
    await one.wait_for(lambda heard: heard.kind == "disconnect")
    await orders.happen(2)
    await is_told(other, orders)
    await one.come_back()
    await other.drop()
    await orders.happen(2)
    await connects(one, 2)
    await connects(other, 2)
    assert one.recovered
    assert other.recovered
    await asyncio.gather(is_told(one, orders), is_told(other, orders))


async def test_it_recovers_on_polling(cluster: Cluster, connect: Connect, user: str) -> None:
    orders, client = Orders(cluster, user), await follow(cluster, connect, user, transports=("polling",))
    await orders.happen(2)
    await is_told(client, orders)
    await client.drop()
    await orders.happen(2)
    await connects(client, 2)
    assert client.recovered
    await is_told(client, orders)


async def test_a_client_without_the_extra_wish_hears_no_extra_argument(
    cluster: Cluster, connect: Connect, user: str
) -> None:
    orders = Orders(cluster, user)
    client = await connect(cluster.url, cluster.issuer.token(user), by=JsClient)
    await client.command("subscribe:orders")
    await orders.happen()
    await is_told(client, orders)
    assert {len(heard.args) for heard in client.heard if heard.kind == "event"} == {1}


async def test_any_client_goes_on_by_its_offset(cluster: Cluster, connect: Connect, user: str) -> None:
    orders, token = Orders(cluster, user), cluster.issuer.token(user)
    client = await connect(cluster.url, token, by=PythonClient, auth=MAY_RETURN)
    await client.command("subscribe:orders")
    await orders.happen(3)
    await is_told(client, orders)
    last = max(heard.args[1] for heard in client.events("notification") + client.events("order:updated"))
    await client.close()
    watcher = await watch(cluster, connect)
    await orders.happen(3)
    await are_published(orders, user, watcher)
    again = await connect(cluster.url, token, by=PythonClient, auth={"offset": last})
    welcome = (await again.wait_for_event("connection:success")).args[0]
    assert (welcome["recovered"], welcome["missed"]) == (True, 3)
    await again.wait_for_event("notification", count=3)
    answer = await again.command("subscribe:orders", {"since": welcome["offset"]})
    assert (answer["recovered"], answer["missed"]) == (True, 3)
    await again.wait_for_event("order:updated", count=3)
    assert numbers(again) == numbers(again, "notification") == [4, 5, 6]
    await orders.happen()
    await again.wait_for_event("order:updated", count=4)
    assert numbers(again) == [4, 5, 6, 7]


@pytest.mark.parametrize("first", [0, 1], ids=["all, then one", "one, then all"])
async def test_a_message_of_two_rooms_comes_once_in_whatever_order_they_are_asked_for(
    cluster: Cluster, connect: Connect, user: str, first: int
) -> None:
    async def happens(stock: int) -> None:
        async with cluster.topics.producer() as producer:
            value = b'{"productId":"%b","stock":%d}' % (user.encode(), stock)
            await producer.send_and_wait(cluster.topics.name("inventory.updated"), value, key=user.encode())

    def levels() -> list[int]:
        told = (heard.args[0] for heard in client.events("inventory:updated"))
        return [about["stock"] for about in told if about["productId"] == user]

    asks: list[dict[str, Any]] = [{}, {"productIds": [user]}]
    client = await connect(cluster.url, cluster.issuer.token(user), by=PythonClient)
    offset = (await client.wait_for_event("connection:success")).args[0]["offset"]
    await client.command("subscribe:inventory", asks[first])
    await happens(1)
    await client.wait_for(lambda _: levels() == [1], 20)
    assert (await client.command("subscribe:inventory", {**asks[1 - first], "since": offset}))["ok"]
    await happens(2)
    await client.wait_for(lambda _: 2 in levels(), 20)
    assert levels() == [1, 2]


async def test_who_was_away_is_told_once_what_came_meanwhile(cluster: Cluster, connect: Connect, user: str) -> None:
    orders, token = Orders(cluster, user), cluster.issuer.token(user)
    client = await connect(cluster.url, token)
    assert (await client.wait_for_event("connection:success")).args[0]["missed"] == 0
    await client.close()
    watcher = await watch(cluster, connect)
    await orders.happen(3)
    await are_published(orders, user, watcher)
    back = await connect(cluster.url, token)
    assert (await back.wait_for_event("connection:success")).args[0]["missed"] == 6
    await back.wait_for_event("notification", count=3)
    assert numbers(back) == numbers(back, "notification") == [1, 2, 3]
    second = await connect(cluster.url, token)
    assert (await second.wait_for_event("connection:success")).args[0]["missed"] == 0
    await back.close()
    await second.close()
    third = await connect(cluster.url, token)
    assert (await third.wait_for_event("connection:success")).args[0]["missed"] == 0


async def test_what_cannot_be_recovered_is_told(cluster: Cluster, connect: Connect, user: str) -> None:
    token = cluster.issuer.token(user)
    for auth, reason in (
        ({"offset": "another:17"}, "history_lost"),
        ({"offset": "nonsense"}, "invalid_offset"),
        ({"offset": {"$gt": ""}}, "invalid_offset"),
        ({"pid": 7, "recovery": True}, "invalid_pid"),
        ({"pid": uuid4().hex, "recovery": True}, "unknown_session"),
    ):
        client = await connect(cluster.url, token, auth=auth)
        welcome = (await client.wait_for_event("connection:success")).args[0]
        assert (welcome["recovered"], welcome.get("reason")) == (False, reason), auth


async def _holds_a_session(url: str, cluster: Cluster) -> bool:
    metrics = await get(f"{url}/metrics")
    assert metrics is not None
    return 'realtime_connections{transport="websocket"} 1.0' in metrics.text
