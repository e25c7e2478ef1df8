"""What a Kafka is to a test, whichever one runs: a place to reach, that can go away and come back."""

import asyncio
from typing import Protocol

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError


class Kafka(Protocol):
    """One broker."""

    name: str
    bootstrap_servers: str
    keeps_data: bool
    """Whether topics, records and offsets are still there when it is started again."""

    @property
    def is_running(self) -> bool: ...
    @property
    def pid(self) -> int: ...
    async def start(self) -> None: ...
    async def stop(self) -> int: ...
    async def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


async def answers(bootstrap_servers: str) -> bool:
    """Ask as a client would: whether there is a broker that serves."""
    try:
        # aiokafka logs an error at each refused connection, dozens before a broker is up.
        _, writer = await asyncio.open_connection(*bootstrap_servers.split(":"))
        writer.close()
        await writer.wait_closed()
    except OSError:
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=2_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except KafkaError:
        return False
    finally:
        await admin.close()
