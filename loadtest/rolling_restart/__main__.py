"""The command line: `make rolling-restart`, or with ARGS="--sockets 2000"."""

import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from parts.apache_kafka import ApacheKafka
from parts.http import get
from parts.pod import Cluster, Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually
from tool import machine
from tool.socketio import SocketIoClient

PARTITIONS: Final = 12
EVENTS_PER_SECOND: Final = 300
BACK_WITHIN_SECONDS: Final = 60.0
# Between two looks at how many a pod has sent away, and lets wait.
SAMPLE_SECONDS: Final = 1.0
COME_AT_ONCE: Final = 100
TOKEN_SECONDS: Final = 7_200


@dataclass
class Turned:
    """Whom the pods turned away, by problem, and how many at most one let wait."""

    away: Counter[str] = field(default_factory=Counter)
    waiting_max: int = 0


def main(
    sockets: Annotated[int, typer.Option(min=1, help="Websockets, each of a user of its own.")] = 6_000,
    pods: Annotated[int, typer.Option(min=2, help="Pods behind one haproxy.")] = 3,
    handshakes_per_second: Annotated[int, typer.Option(min=1, help="Each pod's limit; all else is as it comes.")] = 200,
) -> None:
    """Restart all pods one after the other under load; nothing may be lost, and no pod may be overrun.

    Exits 1 when it is, or when somebody is not back within a minute.
    """
    console = Console()
    machine.raise_descriptor_limit()
    directory = Path(tempfile.mkdtemp(prefix="realtime-rolling-"))
    try:
        is_good = uvloop.run(_run(console, directory, sockets, pods, handshakes_per_second))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    raise SystemExit(0 if is_good else 1)


async def _run(console: Console, directory: Path, sockets: int, pods: int, limit: int) -> bool:
    kafka, redis, issuer = ApacheKafka(directory / "kafka"), RedisServer(directory / "redis"), Issuer.hs256()
    limits = {
        "REALTIME_LIMITS__HANDSHAKES_PER_SECOND": str(limit),
        "REALTIME_LOG__LEVEL": "warning",
    }
    with console.status(f"Starting Kafka, Redis and {pods} pods") as status:
        try:
            await asyncio.gather(kafka.start(), redis.start())
            topics = Topics(kafka, "rolling")
            await topics.create(partitions=PARTITIONS)
            async with Cluster(directory / "pods", topics, redis, issuer, pods=pods, settings=limits) as cluster:
                return await _restart_all(console, status.update, cluster, sockets, limit)
        finally:
            await asyncio.gather(kafka.kill(), redis.kill())


async def _restart_all(console: Console, say: object, cluster: Cluster, sockets: int, limit: int) -> bool:
    assert callable(say)
    shoppers = [
        SocketIoClient(
            f"u-{n}", cluster.issuer.token(f"u-{n}", expires_in_seconds=TOKEN_SECONDS), [cluster.haproxy.port]
        )
        for n in range(sockets)
    ]
    listening = lambda: sum(shopper.is_listening for shopper in shoppers)  # noqa: E731
    turned, produced = Turned(), [0] * sockets
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_watch(cluster.pods, turned))
        began = time.monotonic()
        for start in range(0, sockets, COME_AT_ONCE):
            for shopper in shoppers[start : start + COME_AT_ONCE]:
                shopper.come()
            await asyncio.sleep(COME_AT_ONCE / limit / 2)
            say(f"{listening():,} of {sockets:,} sockets are connected")
        await eventually(lambda: listening() == sockets, 120, "all sockets are connected")
        connected_seconds = time.monotonic() - began
        producing = tasks.create_task(_produce(cluster.topics, produced))
        began = time.monotonic()
        for pod in cluster.pods:
            say(f"{pod.name} leaves; {listening():,} of {sockets:,} sockets are connected")
            assert await pod.terminate() == 0, pod.log_tail()
            await pod.start()
            await cluster.haproxy.sees(*(pod.name for pod in cluster.pods))
        restart_seconds, restarted = time.monotonic() - began, time.monotonic()
        say("all pods are restarted; waiting for the last sockets")
        await eventually(lambda: listening() == sockets, 2 * BACK_WITHIN_SECONDS, "all sockets are back")
        back_seconds = time.monotonic() - restarted
        producing.cancel()
        await asyncio.wait([producing])
        events = sum(produced)
        await eventually(lambda: sum(len(set(s.numbers)) for s in shoppers) >= events, 30, "every event has arrived")
        watching.cancel()
    for shopper in shoppers:
        shopper.leave()
    most = most_in_a_second((pod, at) for shopper in shoppers for pod, at in shopper.handshakes if at >= began)
    seconds = connected_seconds, restart_seconds, back_seconds
    return _tell(console, len(cluster.pods), shoppers, produced, turned, most, limit, seconds)


def most_in_a_second(handshakes: Iterable[tuple[str, float]]) -> int:
    """The most that one pod has taken in within any second: (pod, when in seconds) of each."""
    most, within = 0, defaultdict[str, deque[float]](deque)
    for pod, at in sorted(handshakes, key=itemgetter(1)):
        lately = within[pod]
        lately.append(at)
        while lately[0] <= at - 1:
            lately.popleft()
        most = max(most, len(lately))
    return most


async def _produce(topics: Topics, produced: list[int]) -> None:
    """Number the events of each user, from 1."""
    async with topics.producer() as producer:
        began, count = time.monotonic(), 0
        while True:
            await asyncio.sleep(0.01)
            while count < (time.monotonic() - began) * EVENTS_PER_SECOND:
                user = count % len(produced)
                number = produced[user] + 1
                value = json.dumps({"orderId": str(number), "userId": f"u-{user}", "status": "shipped"}).encode()
                sending = await producer.send(topics.name("order.updated"), value, key=f"u-{user}".encode())
                produced[user] = number
                count += 1
            await sending


async def _watch(pods: Sequence[Pod], turned: Turned) -> None:
    before: dict[str, Counter[str]] = defaultdict(Counter)
    while True:
        for pod in pods:
            response = await get(f"{pod.url}/metrics")
            if response is None:
                continue
            samples = [s for family in text_string_to_metric_families(response.text) for s in family.samples]
            away = Counter(
                {s.labels["problem"]: int(s.value) for s in samples if s.name == "realtime_refused_requests_total"}
            )
            # A pod that was started again counts from 0.
            turned.away += away - before[pod.name] if away.total() >= before[pod.name].total() else away
            before[pod.name] = away
            waiting = sum(int(s.value) for s in samples if s.name == "realtime_waiting_connections")
            turned.waiting_max = max(turned.waiting_max, waiting)
        await asyncio.sleep(SAMPLE_SECONDS)


def _tell(
    console: Console,
    pods: int,
    shoppers: Sequence[SocketIoClient],
    produced: Sequence[int],
    turned: Turned,
    most: int,
    limit: int,
    seconds: tuple[float, float, float],
) -> bool:
    connected_seconds, restart_seconds, back_seconds = seconds
    lost = sum(len(set(range(1, count + 1)) - set(s.numbers)) for s, count in zip(shoppers, produced, strict=True))
    repeated = sum(len(s.numbers) - len(set(s.numbers)) for s in shoppers)
    misordered = sum(s.numbers != sorted(s.numbers) for s in shoppers)
    rows = [
        ("sockets", f"{len(shoppers):,}", ""),
        ("all connected at first after", f"{connected_seconds:.0f} s", ""),
        (f"{pods} pods restarted in", f"{restart_seconds:.0f} s", ""),
        ("all back after the last restart", f"{back_seconds:.1f} s", f"at most {BACK_WITHIN_SECONDS:.0f} s"),
        ("handshakes of one pod in a second, at most", f"{most}", f"at most {2 * limit} (limit {limit})"),
        ("sent away for a moment (503)", f"{sum(s.refusals for s in shoppers):,}", ""),
        ("of these by pods", ", ".join(f"{n:,} {problem}" for problem, n in turned.away.items()) or "0", ""),
        ("waiting for their turn at one pod, at most", f"{turned.waiting_max:,}", ""),
        ("came back", f"{sum(s.connections - 1 for s in shoppers):,} times", ""),
        ("of these recovered", f"{sum(s.recoveries for s in shoppers):,}", ""),
        ("events meanwhile", f"{sum(produced):,}", ""),
        ("lost", str(lost), "0"),
        ("repeated", str(repeated), "0"),
        ("out of order", str(misordered), "0"),
    ]
    table = Table(title=f"Rolling restart of {pods} pods")
    for name in ("", "measured", "allowed"):
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    came_back = sum(s.connections - 1 for s in shoppers)
    everybody_recovered = came_back == sum(s.recoveries for s in shoppers)
    is_quick = back_seconds <= BACK_WITHIN_SECONDS and most <= 2 * limit
    return is_quick and everybody_recovered and not (lost or repeated or misordered)


if __name__ == "__main__":
    typer.run(main)
