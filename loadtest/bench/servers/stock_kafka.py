"""From Kafka to rooms with stock python-socketio, its AsyncRedisManager and aiokafka, in one process.

python -m bench.servers.stock_kafka --port PORT --secret SECRET --redis URL [--kafka HOST:PORT --topics T --group GROUP]

Without --kafka it is a pod that others feed.
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import socketio
import uvicorn
from aiokafka import AIOKafkaConsumer

from bench.servers.conversation import arguments_parser


class Pod:
    """One process: a server, and what it reads."""

    def __init__(self, secret: str, redis: str) -> None:
        self.server = socketio.AsyncServer(async_mode="asgi", client_manager=socketio.AsyncRedisManager(redis))
        self._secret = secret
        self._reading: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self.server.on("connect", self._connect)
        self.server.on("subscribe:orders", self._subscribe_orders)
        self.server.on("subscribe:inventory", self._subscribe_inventory)

    async def start(self, kafka: str, topics: list[str], group: str) -> None:
        """Begin to read."""
        if kafka:
            self._consumer = AIOKafkaConsumer(
                *topics, bootstrap_servers=kafka, group_id=group, auto_offset_reset="earliest"
            )
            await self._consumer.start()
            self._reading = asyncio.create_task(self._read(self._consumer))

    async def stop(self) -> None:
        """Leave the group; what was read is committed."""
        if self._reading is not None and self._consumer is not None:
            self._reading.cancel()
            await self._consumer.stop()

    async def _connect(self, sid: str, _environ: dict[str, Any], auth: dict[str, Any] | None = None) -> None:
        try:
            user = jwt.decode((auth or {}).get("token", ""), self._secret, algorithms=["HS256"])["sub"]
        except jwt.InvalidTokenError as error:
            raise socketio.exceptions.ConnectionRefusedError(str(error)) from error
        await self.server.save_session(sid, {"user": user})
        await self.server.enter_room(sid, f"user:{user}")

    async def _subscribe_orders(self, sid: str, _: dict[str, Any]) -> dict[str, bool]:
        session = await self.server.get_session(sid)
        await self.server.enter_room(sid, f"orders:{session['user']}")
        return {"ok": True}

    async def _subscribe_inventory(self, sid: str, _: dict[str, Any]) -> dict[str, bool]:
        await self.server.enter_room(sid, "inventory:updates")
        return {"ok": True}

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            fact = json.loads(record.value)
            timestamp = datetime.now(UTC).isoformat()
            if "orderId" in fact:
                await self._tell_order(fact, timestamp)
            else:
                await self._tell_inventory(fact | {"timestamp": timestamp})

    async def _tell_order(self, order: dict[str, Any], timestamp: str) -> None:
        sentence = f"Order {order['orderId']} is on its way. Tracking number: {order.get('trackingNumber')}."
        told = order | {"message": sentence, "priority": "high", "timestamp": timestamp}
        notification = {
            "title": "Order update",
            "message": sentence,
            "priority": "high",
            "timestamp": timestamp,
            "type": "order.updated",
            "orderId": order["orderId"],
        }
        await self.server.emit("order:updated", told, room=f"orders:{order['buyerId']}")
        await self.server.emit("notification", notification, room=f"user:{order['buyerId']}")
        await self.server.emit("admin:order:updated", told, room="admin:dashboard")

    async def _tell_inventory(self, told: dict[str, Any]) -> None:
        await self.server.emit("inventory:updated", told, room=["inventory:updates", f"product:{told['productId']}"])
        await self.server.emit("admin:inventory:updated", told, room="admin:dashboard")


def main() -> None:
    """Serve until a signal comes."""
    parser = arguments_parser()
    parser.add_argument("--kafka", default="", help="where Kafka is; none: read nothing")
    parser.add_argument("--topics", default="", help="by commas")
    parser.add_argument("--group", default="")
    arguments = parser.parse_args()
    pod = Pod(arguments.secret, arguments.redis)

    async def start() -> None:
        await pod.start(arguments.kafka, arguments.topics.split(","), arguments.group)

    uvicorn.run(
        socketio.ASGIApp(pod.server, on_startup=start, on_shutdown=pod.stop),
        host="127.0.0.1",
        port=arguments.port,
        backlog=4_096,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
