"""What it costs Redis to send one message to one subscriber more: a room's message goes to each pod with a member."""

import asyncio
import contextlib
from typing import Final

from redis.asyncio import Redis

from observe.processes import cpu_seconds
from parts.redis_server import RedisServer
from parts.waiting import eventually
from scale.outcome import Copies

SUBSCRIBERS: Final = (1, 16, 64)
MESSAGES: Final = 2_000
# About as long as an order's, with what a pod puts before it.
PAYLOAD: Final = b"x" * 400
CHANNEL: Final = "scale:copies"
READ_BYTES: Final = 65_536
US_PER_SECOND: Final = 1_000_000


async def measure_copies(redis: RedisServer) -> list[Copies]:
    """Publish messages one by one to ever more subscribers."""
    measured = []
    async with Redis.from_url(redis.url) as client, asyncio.TaskGroup() as tasks:
        listening: list[asyncio.Task[None]] = []

        async def all_are_there() -> bool:
            ((_, there),) = await client.pubsub_numsub(CHANNEL)
            return bool(there == len(listening))

        for subscribers in SUBSCRIBERS:
            listening += [tasks.create_task(_listen(redis.port)) for _ in range(subscribers - len(listening))]
            await eventually(all_are_there, 10, f"{subscribers} subscribers are there")
            before = cpu_seconds(redis.pid)
            for _ in range(MESSAGES):
                await client.publish(CHANNEL, PAYLOAD)
            spent = cpu_seconds(redis.pid) - before
            measured.append(Copies(subscribers, spent / MESSAGES * US_PER_SECOND))
        for task in listening:
            task.cancel()
    return measured


async def _listen(port: int) -> None:
    """Subscribe, and read as a pod would, without looking at it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        writer.write(f"SUBSCRIBE {CHANNEL}\r\n".encode())
        while await reader.read(READ_BYTES):
            pass
