"""What is asked of Redis, and what is known then."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from realtime.broker.words import PLAIN, SHARDED
from realtime.doctor.looking import describe
from realtime.redis.keys import Keys
from realtime.settings import RedisSettings, Topology

PINGS: Final = 10
SENTINEL_SECONDS: Final = 5.0
CONFIGS: Final = (
    "maxmemory*",
    "client-output-buffer-limit",
    "append*",
    "save",
    "min-replicas-*",
    "maxclients",
)
# All that a pod says in scripts and out of them; one key of our own that ends by itself should this be cut short.
EVERYTHING_WE_SAY: Final = """
local key, channel, publish = KEYS[1], ARGV[1], ARGV[2]
redis.call('SET', key, '1', 'PX', '10000')
redis.call('GET', key)
redis.call('MGET', key)
redis.call('PEXPIRE', key, '10000')
redis.call('DEL', key)
redis.call('XADD', key, 'MAXLEN', '~', '10', '1-0', 'm', 'x')
redis.call('XRANGE', key, '-', '+')
redis.call('XREVRANGE', key, '+', '-')
redis.call('XINFO', 'STREAM', key)
redis.call('DEL', key)
redis.call('HSET', key, 'f', 'v')
redis.call('HGETALL', key)
redis.call('HDEL', key, 'f')
redis.call('SADD', key, 'm')
redis.call('SMEMBERS', key)
redis.call('SREM', key, 'm')
redis.call('TIME')
redis.call(publish, channel, 'x')
return 'done'
"""


@dataclass(frozen=True)
class Server:
    """What one Redis says of itself. What it does not tell us (`refused` says why) is empty."""

    address: str
    hello: Mapping[str, Any]  # version, mode, role; everybody may ask for these
    info: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)  # INFO, CONFIG GET -> why


@dataclass(frozen=True)
class Sentinel:
    """What one sentinel says of our service; `error` when it does not."""

    address: str
    about: Mapping[str, Any] = field(default_factory=dict)
    without_quorum: str = ""  # why they could not agree on another primary now
    error: str = ""


async def ask_server(client: Redis, address: str) -> Server:
    """Ask for all that it says of itself. Raises `RedisError` or `OSError` when it cannot be reached at all."""
    hello = await client.execute_command("HELLO", 2)  # type: ignore[no-untyped-call]
    refused: dict[str, str] = {}
    info: Mapping[str, Any] = {}
    config: Mapping[str, str] = {}
    try:
        info = await client.info()
    except RedisError as error:
        refused["INFO"] = describe(error)
    try:
        config = _text_map(await client.config_get(*CONFIGS))
    except RedisError as error:
        refused["CONFIG GET"] = describe(error)
    return Server(address, _text_map(hello), info, config, refused)


async def measure_round_trips(client: Redis) -> list[float]:
    """Ask ten times whether it is there; how many milliseconds each took."""
    taken = []
    for _ in range(PINGS):
        began = time.perf_counter()
        await client.ping()
        taken.append((time.perf_counter() - began) * 1_000)
    return taken


async def clock_ahead_seconds(client: Redis) -> tuple[float, float]:
    """How far its clock is ahead of ours, and how uncertain that is."""
    before = time.time()
    seconds, microseconds = await client.time()
    after = time.time()
    return seconds + microseconds / 1_000_000 - (before + after) / 2, (after - before) / 2


async def try_everything(client: Redis, settings: RedisSettings, shard: int) -> None:
    """Run a script with all that a pod says, and hear what it publishes.

    Raises `RedisError`, `OSError` or `TimeoutError` when it may not, or does not hear it.
    """
    words = SHARDED if settings.address.topology is Topology.CLUSTER else PLAIN
    name = Keys(settings.key_prefix, shard).pod(f"doctor-{secrets.token_hex(8)}")
    connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.send_command(words.subscribe, name)
        subscribed = await connection.read_response(timeout=settings.command_timeout_seconds)
        await client.eval(EVERYTHING_WE_SAY, 1, name, name, words.publish)
        heard = await connection.read_response(timeout=settings.command_timeout_seconds)
        if (subscribed[0], heard[0]) != (words.subscribed, words.message):
            raise RedisError(f"it says {subscribed[0]!r} and {heard[0]!r} to who listens")
    finally:
        await connection.disconnect()
        await client.connection_pool.release(connection)


async def ask_cluster(client: Redis) -> Mapping[str, str]:
    """What a node says of its cluster."""
    return _text_map(await client.execute_command("CLUSTER INFO"))  # type: ignore[no-untyped-call]


async def ask_sentinel(client: Redis, address: str, service: str) -> Sentinel:
    """What a sentinel says of our service."""
    try:
        async with asyncio.timeout(SENTINEL_SECONDS):
            about: Any = await client.sentinel_master(service)
            return Sentinel(address, about, await _without_quorum(client, service))
    except (RedisError, OSError, TimeoutError) as error:
        return Sentinel(address, error=describe(error))


async def _without_quorum(client: Redis, service: str) -> str:
    try:
        await client.execute_command("SENTINEL CKQUORUM", service)  # type: ignore[no-untyped-call]
    except ResponseError as error:
        return describe(error)
    return ""


def _text(said: Any) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _text_map(said: Any) -> dict[str, str]:
    if isinstance(said, bytes | str):
        return dict(line.split(":", 1) for line in _text(said).splitlines() if ":" in line)
    pairs = said.items() if isinstance(said, Mapping) else zip(said[::2], said[1::2], strict=False)
    return {_text(name): _text(value) for name, value in pairs}
