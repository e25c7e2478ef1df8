"""The command line: `make recovery-herd`, or with ARGS="--clients 500 --missed 200".

One pod. Watchers follow the inventory, and are sent a message every few milliseconds, which says when it was sent.
Each client of the herd has missed as many messages of its own; all come back in the same instant, as the stock client
does, by their sessions and offsets. It is measured until the last of them has the last message, each once and in order,
and how late the watchers' messages were before and meanwhile.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.client import LoadClient, Report
from parts.pod import Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from realtime.broker.base import Publication
from realtime.broker.place import Cursor
from realtime.broker.redis import RedisBroker
from realtime.protocol.rooms import INVENTORY_UPDATES, orders_room, user_room
from realtime.redis.connection import connect_redis
from realtime.redis.keys import Keys
from realtime.resumption.base import ResumableSession
from realtime.resumption.redis import RedisResumableSessions
from realtime.settings import HistorySettings, RecoverySettings, RedisSettings
from realtime.telemetry.metrics import Metrics
from tool.errors import Failed
from tool.frame import begun
from tool.machine import need_descriptors
from tool.needs import need_programs

PREFIX: Final = "herd"
# What a watcher is sent, and how often.
LIVE_EVERY_SECONDS: Final = 0.02
QUIET_SECONDS: Final = 5.0
# Of one message, about what an order's update has.
PADDING: Final = "x" * 150
RECOVERED_WITHIN_SECONDS: Final = 180.0
# Of the pod: what it opens beside its sockets.
OTHER_DESCRIPTORS: Final = 500
# What is promised.
LATENCY_RATIO_MAX: Final = 3.0
# Between two tries to publish, messages are written in calls of so many.
MESSAGES_PER_CALL: Final = 500


@dataclass
class Outcome:
    """What was measured."""

    herd: Report
    before: Report
    meanwhile: Report

    @property
    def ratio(self) -> float:
        """How many times later the watchers' messages were meanwhile."""
        return self.meanwhile.latency.p99 / self.before.latency.p99


class Live:
    """Publishes to the watchers until it is stopped."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        self._numbers = 0

    async def run(self) -> None:
        """Send at a fixed pace."""
        next_at = asyncio.get_running_loop().time()
        while True:
            self._numbers += 1
            packet = f'2["inventory:updated",{{"n":{self._numbers},"t":{time.monotonic_ns()},"p":"{PADDING}"}}]'
            await self._broker.publish_once([Publication(packet.encode(), (INVENTORY_UPDATES,), _now_ms())])
            next_at += LIVE_EVERY_SECONDS
            await asyncio.sleep(next_at - asyncio.get_running_loop().time())


def main(
    clients: Annotated[int, typer.Option(min=1, help="Clients that come back at once.")] = 1_000,
    missed: Annotated[int, typer.Option(min=1, max=1_000, help="Messages that each has missed.")] = 1_000,
    watchers: Annotated[int, typer.Option(min=1, help="Clients that stay, and hear live messages.")] = 200,
    concurrent: Annotated[int, typer.Option(help="recovery.concurrent_max; 0: its default.")] = 0,
) -> None:
    """Let a herd come back to one pod. Exits 1 when one message is lost, or others wait three times as long."""
    with begun("recovery-herd") as tool:
        need_programs("redis-server")
        need_descriptors(clients + watchers + OTHER_DESCRIPTORS, f"{clients + watchers:,} clients")
        outcome = uvloop.run(_run(tool.console, tool.directory, clients, missed, watchers, concurrent))
        _print(tool.console, outcome, clients, missed, watchers)
        raise SystemExit(0 if outcome.ratio <= LATENCY_RATIO_MAX else 1)


async def _run(console: Console, directory: Path, clients: int, missed: int, watchers: int, concurrent: int) -> Outcome:
    redis, issuer = RedisServer(directory / "redis"), Issuer.hs256()
    settings = {
        **issuer.settings,
        "REALTIME_REDIS__URL": redis.url,
        "REALTIME_REDIS__KEY_PREFIX": PREFIX,
        "REALTIME_LOG__LEVEL": "warning",
        # At once is what this is about.
        "REALTIME_LIMITS__HANDSHAKES_PER_SECOND": str(clients + watchers),
        "REALTIME_LIMITS__HANDSHAKES_BURST": str(clients + watchers),
        **({"REALTIME_RECOVERY__CONCURRENT_MAX": str(concurrent)} if concurrent else {}),
    }
    pod = Pod("pod", directory / "pod", settings, roles="sockets")
    with console.status("Starting Redis and a pod") as status:
        await redis.start()
        redis_settings = RedisSettings(url=redis.url, key_prefix=PREFIX)
        client = connect_redis(redis_settings)
        broker = RedisBroker(client, redis_settings, HistorySettings(), "herd", Metrics())
        try:
            await pod.start()
            status.update(f"Publishing {clients * missed:,} messages")
            tokens = await _write_missed(broker, client, issuer, directory, clients, missed)
            async with LoadClient(directory, "watchers") as watching, LoadClient(directory, "herd") as returning:
                await _watch(watching, pod, issuer, directory, watchers)
                status.update("Listening to the watchers alone")
                return await _measure(broker, pod, watching, returning, tokens, clients, missed)
        finally:
            await broker.close()
            await pod.kill()
            await redis.kill()


async def _write_missed(
    broker: RedisBroker, client: object, issuer: Issuer, directory: Path, clients: int, missed: int
) -> Path:
    """Publish what each has missed; a file with what each brings along when it comes back."""
    start: Cursor = (await broker.missed({}, 1)).up_to
    sessions = RedisResumableSessions(client, Keys(PREFIX), RecoverySettings(), "a pod that is gone", Metrics())  # type: ignore[arg-type]
    running = asyncio.create_task(sessions.run())
    lines = []
    for number in range(clients):
        user, pid = f"user-{number}", secrets.token_urlsafe(24)
        rooms = dict.fromkeys((user_room(user), orders_room(user)), start[0])
        await sessions.keep(pid, ResumableSession(user_id=user, session_id=f"s-{number}.gone", rooms=rooms))
        # The load client puts each line between `{"token":"` and `"}`.
        lines.append(f'{issuer.token(user)}","recovery":true,"pid":"{pid}","offset":"{start}\n')
        packets = [f'2["notification",{{"n":{n},"p":"{PADDING}"}}]'.encode() for n in range(1, missed + 1)]
        publications = [Publication(packet, (user_room(user),), _now_ms()) for packet in packets]
        for first in range(0, missed, MESSAGES_PER_CALL):
            await broker.publish_once(publications[first : first + MESSAGES_PER_CALL])
    running.cancel()
    await asyncio.wait([running])
    path = directory / "returning"
    path.write_text("".join(lines))
    return path


async def _watch(client: LoadClient, pod: Pod, issuer: Issuer, directory: Path, watchers: int) -> None:
    tokens = directory / "watching"
    tokens.write_text("".join(f"{issuer.token(f'watcher-{number}')}\n" for number in range(watchers)))
    await client.group("all", pod.port, tokens=tokens, joins=['420["subscribe:inventory",{}]'])
    await client.connect("all", watchers)


async def _measure(
    broker: RedisBroker, pod: Pod, watching: LoadClient, returning: LoadClient, tokens: Path, clients: int, missed: int
) -> Outcome:
    live = asyncio.create_task(Live(broker).run())
    try:
        await asyncio.sleep(QUIET_SECONDS)
        await watching.arm("all", '"n":')
        await asyncio.sleep(QUIET_SECONDS)
        before = await watching.report("all")
        await watching.arm("all", '"n":')
        await returning.group("all", pod.port, tokens=tokens)
        await returning.arm("all", '"n":')
        await returning.connect("all", clients, under_way=clients, timeout_seconds=RECOVERED_WITHIN_SECONDS)
        # The welcome, and what was missed.
        frames = clients * (1 + missed)
        herd = (await returning.wait("all", frames, RECOVERED_WITHIN_SECONDS)).check(frames, clients)
        meanwhile = await watching.report("all")
    finally:
        live.cancel()
        await asyncio.wait([live])
    for report in (before, meanwhile):
        if report.out_of_order or report.lost or report.most - report.fewest > 1:
            raise Failed(f"the watchers did not hear all: {report}")
    return Outcome(herd, before, meanwhile)


def _print(console: Console, outcome: Outcome, clients: int, missed: int, watchers: int) -> None:
    table = Table("", "messages", "p50 ms", "p99 ms", "p99.9 ms", "max ms")
    for name, report in (("before", outcome.before), ("meanwhile", outcome.meanwhile)):
        latency = report.latency
        numbers = (latency.p50, latency.p99, latency.p999, latency.max)
        table.add_row(name, f"{report.frames:,}", *(f"{number / 1e3:.1f}" for number in numbers))
    herd = outcome.herd
    console.print(
        f"{clients:,} clients, each with {missed:,} missed messages, came back to one pod: all of them had all of it, "
        f"once and in order, after {herd.seconds:.1f} s ({herd.frames / herd.seconds:,.0f} messages/s).",
        highlight=False,
    )
    console.print(f"How late were the messages of {watchers} others?")
    console.print(table)
    console.print(
        f"p99 meanwhile is {outcome.ratio:.1f} times that before (at most {LATENCY_RATIO_MAX:.0f} is promised)",
        highlight=False,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    typer.run(main)
