"""Each event of each topic reaches exactly the sockets that may see it, whatever pods they are on."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from parts.clients import Client
from parts.fixtures import Connect
from parts.pod import Cluster
from parts.waiting import eventually


@pytest.fixture
def product() -> str:
    return f"product-{uuid4().hex[:8]}"


async def _devices(cluster: Cluster, connect: Connect, user: str, *roles: str) -> list[Client]:
    """Connect a user once to each pod, past the proxy, so that it is known who sits where."""
    token = cluster.issuer.token(user, *roles)
    return [await connect(pod.url, token) for pod in cluster.pods]


async def _fence(cluster: Cluster, client: Client, user: str) -> None:
    """Wait for a message that was sent last: what has not come before it, does not come."""
    reply = await _rest(cluster, "/realtime/test/notification", {"userId": user, "title": "fence", "message": "fence"})
    event_id = reply.json()["eventId"]
    await client.wait_for(lambda heard: heard.kind == "event" and heard.args[0].get("eventId") == event_id)


async def _rest(cluster: Cluster, path: str, body: dict[str, object]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {cluster.issuer.token('shop', 'service')}"}
    async with httpx.AsyncClient() as client:
        return (await client.post(f"{cluster.pods[0].url}{path}", json=body, headers=headers)).raise_for_status()


@pytest.mark.parametrize("verb", ["created", "updated", "cancelled"])
async def test_an_order_event_reaches_all_devices_of_its_owner_all_admins_and_nobody_else(
    cluster: Cluster, connect: Connect, user: str, verb: str
) -> None:
    owner = await _devices(cluster, connect, user)
    stranger = await _devices(cluster, connect, f"{user}-stranger")
    admins = await _devices(cluster, connect, f"{user}-admin", "admin")
    for client in (*owner, *stranger):
        assert (await client.command("subscribe:orders"))["ok"]
    for client in admins:
        assert (await client.command("subscribe:admin"))["ok"]
    order_id = f"order-{uuid4().hex[:8]}"
    event = {"orderId": order_id, "buyerId": user, "status": "shipped", "secretMargin": 0.4}
    await cluster.topics.produce(f"order.{verb}", event, key=order_id, headers=[("event-id", b"fact-1")])
    for client in owner:
        data = (await client.wait_for_event(f"order:{verb}")).args[0]
        assert data["orderId"] == order_id
        assert data["eventId"] == "fact-1"
        assert order_id in data["message"]
        assert data["priority"] in {"low", "normal", "high", "urgent"}
        assert "secretMargin" not in data
        notification = (await client.wait_for_event("notification")).args[0]
        assert notification["orderId"] == order_id
    for client in admins:
        await client.wait_for(
            lambda heard: heard.name == f"admin:order:{verb}" and heard.args[0]["orderId"] == order_id
        )
        assert client.events(f"order:{verb}") == []
    for client in stranger:
        await _fence(cluster, client, f"{user}-stranger")
        assert client.events(f"order:{verb}") == []
        assert {heard.args[0]["title"] for heard in client.events("notification")} == {"fence"}


async def test_an_inventory_event_reaches_those_who_follow_its_product_or_all_and_each_of_them_once(
    cluster: Cluster, connect: Connect, user: str, product: str
) -> None:
    this, other, everything, both, nothing = await asyncio.gather(
        *(connect(cluster.url, cluster.issuer.token(f"{user}-{number}")) for number in range(5))
    )
    await this.command("subscribe:inventory", {"productIds": [product]})
    await other.command("subscribe:inventory", {"productIds": [f"{product}-other"]})
    await everything.command("subscribe:inventory")
    await both.command("subscribe:inventory", {"productIds": [product]})
    await both.command("subscribe:inventory")
    for stock in (30, 20):
        await cluster.topics.produce("inventory.updated", {"productId": product, "stock": stock}, key=product)
    await cluster.topics.produce("product.created", {"productId": product, "name": "Lamp"}, key=product)
    for client in (this, everything, both):
        await client.wait_for_event("product:created")
    for number, client in enumerate((this, other, everything, both, nothing)):
        await _fence(cluster, client, f"{user}-{number}")
    for client in (this, everything, both):
        stocks = [h.args[0]["stock"] for h in client.events("inventory:updated") if h.args[0]["productId"] == product]
        assert stocks == [30, 20]
    for client in (other, nothing):
        assert client.events("inventory:updated") == []
        assert client.events("product:created") == []


@pytest.mark.parametrize(
    ("fact", "alert"),
    [
        ({"stock": 0}, "out"),
        ({"stock": 3}, "low"),
        ({"stock": 40, "lowStockThreshold": 50}, "low"),
        ({"stock": 40}, None),
    ],
)
async def test_admins_are_alerted_when_stock_is_low_or_out(
    cluster: Cluster, connect: Connect, user: str, product: str, fact: dict[str, int], alert: str | None
) -> None:
    admin = await connect(cluster.url, cluster.issuer.token(user, "admin"))
    await admin.command("subscribe:admin")
    await cluster.topics.produce("inventory.updated", {"productId": product, **fact})
    await admin.wait_for(
        lambda heard: heard.name == "admin:inventory:updated" and heard.args[0]["productId"] == product
    )
    await _fence(cluster, admin, user)
    alerts = [heard.args[0] for heard in admin.events("admin:inventory:alert") if heard.args[0]["productId"] == product]
    assert [data["alert"] for data in alerts] == ([alert] if alert else [])


async def test_nobody_but_an_admin_gets_into_the_admin_room_or_into_anothers_orders(
    cluster: Cluster, connect: Connect, user: str
) -> None:
    client = await connect(cluster.url, cluster.issuer.token(user))
    for command, payload in (("subscribe:admin", {}), ("subscribe:orders", {"userId": "somebody-else"})):
        answer = await client.command(command, payload)
        assert answer["ok"] is False
        assert answer["error"]["code"] == "forbidden"
    admin = await connect(cluster.url, cluster.issuer.token(f"{user}-admin", "admin"))
    assert (await admin.command("subscribe:orders", {"userId": user}))["ok"]
    await cluster.topics.produce("order.created", {"orderId": "o", "userId": user})
    await admin.wait_for_event("order:created")


async def test_rest_broadcasts_go_the_same_way_as_events(
    cluster: Cluster, connect: Connect, user: str, product: str
) -> None:
    owner = (await _devices(cluster, connect, user))[-1]
    admin = (await _devices(cluster, connect, f"{user}-admin", "admin"))[-1]
    await owner.command("subscribe:orders")
    await owner.command("subscribe:inventory", {"productIds": [product]})
    await admin.command("subscribe:admin")
    await _rest(cluster, "/realtime/broadcast/order", {"userId": user, "orderId": "o-9", "status": "shipped"})
    await _rest(
        cluster, "/realtime/broadcast/inventory", {"productId": product, "stock": 5, "sku": "S", "productName": "Lamp"}
    )
    await _rest(cluster, "/realtime/broadcast/admin", {"message": "Sale at noon", "title": "Sale"})
    assert (await owner.wait_for_event("order:updated")).args[0]["message"] == "Order o-9 is on its way."
    assert (await owner.wait_for_event("inventory:updated")).args[0]["stock"] == 5
    assert (await admin.wait_for_event("admin:broadcast")).args[0]["message"] == "Sale at noon"
    await admin.wait_for(lambda heard: heard.name == "admin:order:updated" and heard.args[0]["orderId"] == "o-9")


async def test_an_unsubscribed_client_hears_no_more(cluster: Cluster, connect: Connect, user: str) -> None:
    client = await connect(cluster.url, cluster.issuer.token(user))
    await client.command("subscribe:orders")
    answer = await client.command("unsubscribe:orders")
    assert (answer["ok"], answer["rooms"]) == (True, [f"user:{user}"])
    await cluster.topics.produce("order.created", {"orderId": "o", "userId": user})
    await client.wait_for_event("notification")  # which goes to the user's own room, behind the order's
    await _fence(cluster, client, user)
    assert client.events("order:created") == []


async def test_admins_see_the_stats_of_all_pods_and_others_only_their_own_sessions(
    cluster: Cluster, connect: Connect, user: str
) -> None:
    admin = await connect(cluster.url, cluster.issuer.token(user, "admin"))
    client = await connect(cluster.url, cluster.issuer.token(f"{user}-2"))

    async def all_pods_have_reported() -> bool:
        stats = (await admin.command("request:stats"))["stats"]
        return {pod["name"] for pod in stats["pods"]} == {pod.name for pod in cluster.pods}

    await eventually(all_pods_have_reported, 15, "all three pods have reported")
    own = (await client.command("request:stats"))["stats"]
    assert [session["socketId"] for session in own["sessions"]] == [client.sid]
    await admin.command("subscribe:admin")
    await admin.wait_for_event("admin:stats", timeout_seconds=15)
