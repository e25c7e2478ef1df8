"""Looking at Redis: each primary that a shard is on, and the sentinels or the cluster that tell where it is."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from realtime.doctor.clock import judge_clock
from realtime.doctor.finding import REDIS, Finding
from realtime.doctor.looking import describe, look_at, look_at_all
from realtime.doctor.redis_cli import redis_cli, rights
from realtime.doctor.redis_facts import (
    ask_cluster,
    ask_sentinel,
    ask_server,
    clock_ahead_seconds,
    measure_round_trips,
    try_everything,
)
from realtime.doctor.redis_verdicts import judge_cluster, judge_round_trips, judge_sentinels, judge_server
from realtime.redis.connection import connect_hosts, connect_shards
from realtime.settings import RedisSettings, Topology

NOT_LOOKED_AT: Final = "version, eviction, output buffer, persistence, replicas, scripts, latency, clock"


async def look_at_redis(settings: RedisSettings) -> list[Finding]:
    """Everything about Redis; where it cannot be reached, that alone."""
    directory = connect_hosts(settings)
    shards = connect_shards(settings)
    try:
        looks = (
            [look_at(REDIS, "sentinels", lambda: _sentinels(directory, settings))] if _has_sentinels(settings) else []
        )
        found = await look_at_all([*looks, look_at(REDIS, "reachable", lambda: _reach(shards, settings))])
        if any(finding.subject == "reachable" and finding.mend for finding in found):
            mend = "mend that first, then run again"
            return [*found, REDIS.warn("the rest", f"not looked at: {NOT_LOOKED_AT}", mend)]
        primaries = await _by_primary(shards)
        several = len(primaries) > 1
        more = [
            look
            for address, (shard, client) in primaries.items()
            for look in _looks(client, shard, address, address if several else "", settings)
        ]
        if settings.address.topology is Topology.CLUSTER:
            more.insert(0, look_at(REDIS, "cluster", lambda: _cluster(shards[0], next(iter(primaries)), settings)))
        return [*found, *await look_at_all(more)]
    finally:
        for client in {*directory.values(), *shards}:
            await client.aclose()


def _has_sentinels(settings: RedisSettings) -> bool:
    return settings.address.topology is Topology.SENTINEL


async def _reach(shards: Iterable[Redis], settings: RedisSettings) -> list[Finding]:
    where = ", ".join(f"{host}:{port}" for host, port in settings.address.hosts) or "its socket"
    for client in dict.fromkeys(shards):
        try:
            await client.ping()
        except (RedisError, OSError) as error:
            return [REDIS.fail("reachable", f"{where}: {describe(error)}", _how_to_reach(error, settings))]
    return [REDIS.ok("reachable", where)]


def _how_to_reach(error: Exception, settings: RedisSettings) -> str:
    text = str(error)
    if isinstance(error, AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        return "set the user and password in REALTIME_REDIS__URL; in redis-cli: ACL LIST"
    if isinstance(error, NoPermissionError):
        # Which of several servers refused, an error does not tell.
        return f"in a redis-cli at the server that says so: {rights(settings)}"
    host, port = next(iter(settings.address.hosts), ("", 0))
    cli = redis_cli(settings, f"{host}:{port}" if host else unquote(urlsplit(settings.address.plain).path))
    if settings.address.topology is Topology.SENTINEL:
        return f"start the sentinels or the primary, or mend REALTIME_REDIS__URL; {cli} SENTINEL MASTERS"
    return f"start Redis, let this machine reach it, or mend REALTIME_REDIS__URL; {cli} PING"


async def _by_primary(shards: Iterable[Redis]) -> Mapping[str, tuple[int, Redis]]:
    """A client for each server that holds a shard, and one of the shards that it holds."""
    found: dict[str, tuple[int, Redis]] = {}
    by_client: dict[Redis, str] = {}
    for shard, client in enumerate(shards):
        if client not in by_client:
            connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
            by_client[client] = getattr(connection, "path", "") or f"{connection.host}:{connection.port}"
            await client.connection_pool.release(connection)
        found.setdefault(by_client[client], (shard, client))
    return found


def _looks(
    client: Redis, shard: int, address: str, name: str, settings: RedisSettings
) -> list[Coroutine[Any, Any, list[Finding]]]:
    cli = redis_cli(settings, address)

    async def server() -> list[Finding]:
        return judge_server(await ask_server(client, address), settings.address.topology, cli, name)

    async def scripts() -> list[Finding]:
        subject = f"scripts {name}".rstrip()
        try:
            await try_everything(client, settings, shard)
        except (RedisError, OSError, TimeoutError) as error:
            return [REDIS.fail(subject, describe(error), f"{cli} {rights(settings)}")]
        return [REDIS.ok(subject, "all that pods say, and what is published is heard")]

    async def latency() -> list[Finding]:
        return [judge_round_trips(await measure_round_trips(client), cli, name)]

    async def clock() -> list[Finding]:
        return [judge_clock(f"Redis {name}".rstrip(), *await clock_ahead_seconds(client))]

    looks = {"server": server, "scripts": scripts, "latency": latency, "clock": clock}
    return [look_at(REDIS, f"{what} {name}".rstrip(), look) for what, look in looks.items()]


async def _sentinels(directory: Mapping[str, Redis], settings: RedisSettings) -> list[Finding]:
    service = settings.address.service
    asked = await asyncio.gather(*(ask_sentinel(client, address, service) for address, client in directory.items()))
    return judge_sentinels(asked, service, partial(redis_cli, settings))


async def _cluster(client: Redis, address: str, settings: RedisSettings) -> list[Finding]:
    check = f"{redis_cli(settings)} --cluster check {address}"
    return judge_cluster(await ask_cluster(client), settings.shards, check)
