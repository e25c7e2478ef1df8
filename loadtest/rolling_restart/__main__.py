"""The command line: `make rolling-restart`, or with ARGS="--sockets 2000"."""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from parts import scrape
from parts.apache_kafka import ApacheKafka
from parts.pod import Cluster, Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually
from tool.frame import begun
from tool.machine import need_descriptors
from tool.needs import need_programs
from tool.numbered import Verdict, judge
from tool.producer import Orders, paced
from tool.socketio import SocketIoClient

PARTITIONS: Final = 12
EVENTS_PER_SECOND: Final = 300
BACK_WITHIN_SECONDS: Final = 60.0
# Between two looks at how many a pod has sent away, and lets wait.
SAMPLE_SECONDS: Final = 1.0
COME_AT_ONCE: Final = 100
TOKEN_SECONDS: Final = 7_200
# Of the proxy, which has two for each socket; and what it opens beside them.
DESCRIPTORS_OF_A_SOCKET: Final = 2
OTHER_DESCRIPTORS: Final = 500


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
    with begun("rolling-restart") as tool:
        need_programs("java", "mvn", "redis-server", "haproxy")
        need_descriptors(DESCRIPTORS_OF_A_SOCKET * sockets + OTHER_DESCRIPTORS, f"{sockets:,} sockets")
        is_good = uvloop.run(_run(tool.console, tool.directory, sockets, pods, handshakes_per_second))
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


async def _restart_all(
    console: Console, say: Callable[[str], None], cluster: Cluster, sockets: int, limit: int
) -> bool:
    shoppers = [
        SocketIoClient(
            f"u-{n}", cluster.issuer.token(f"u-{n}", expires_in_seconds=TOKEN_SECONDS), [cluster.haproxy.port]
        )
        for n in range(sockets)
    ]
    listening = lambda: sum(shopper.is_listening for shopper in shoppers)  # noqa: E731
    turned, turn = Turned(), cycle(shoppers)
    async with asyncio.TaskGroup() as tasks, cluster.topics.producer() as producer:
        watching = tasks.create_task(_watch(cluster.pods, turned))
        began = time.monotonic()
        for start in range(0, sockets, COME_AT_ONCE):
            for shopper in shoppers[start : start + COME_AT_ONCE]:
                shopper.come()
            await asyncio.sleep(COME_AT_ONCE / limit / 2)
            say(f"{listening():,} of {sockets:,} sockets are connected")
        await eventually(lambda: listening() == sockets, 120, "all sockets are connected")
        connected_seconds = time.monotonic() - began
        orders = Orders(producer, cluster.topics)
        async with paced(lambda: orders.write(next(turn).user), EVENTS_PER_SECOND):
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
        await producer.flush()
        events = orders.written.total()
        # What does not come is judged, not waited for.
        with suppress(AssertionError):
            await eventually(lambda: sum(len(set(s.numbers)) for s in shoppers) >= events, 30, "all has arrived")
        watching.cancel()
    for shopper in shoppers:
        shopper.leave()
    most = most_in_a_second((pod, at) for shopper in shoppers for pod, at in shopper.handshakes if at >= began)
    seconds = connected_seconds, restart_seconds, back_seconds
    return _tell(console, len(cluster.pods), shoppers, orders.written, turned, most, limit, seconds)


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


async def _watch(pods: Sequence[Pod], turned: Turned) -> None:
    before: dict[str, Counter[str]] = defaultdict(Counter)
    while True:
        for pod in pods:
            try:
                samples = await scrape.metrics(pod)
            except httpx.HTTPError:
                continue  # it is away
            away, waiting = Counter[str](), 0
            for (name, labels), value in samples.items():
                if name == "realtime_refused_requests_total":
                    away[dict(labels)["problem"]] += int(value)
                elif name == "realtime_waiting_connections":
                    waiting += int(value)
            # A pod that was started again counts from 0.
            turned.away += away - before[pod.name] if away.total() >= before[pod.name].total() else away
            before[pod.name] = away
            turned.waiting_max = max(turned.waiting_max, waiting)
        await asyncio.sleep(SAMPLE_SECONDS)


def _tell(
    console: Console,
    pods: int,
    shoppers: Sequence[SocketIoClient],
    written: Mapping[str, int],
    turned: Turned,
    most: int,
    limit: int,
    seconds: tuple[float, float, float],
) -> bool:
    connected_seconds, restart_seconds, back_seconds = seconds
    heard = sum((judge(s.numbers, range(1, written[s.user] + 1)) for s in shoppers), Verdict())
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
        ("events meanwhile", f"{sum(written.values()):,}", ""),
        ("lost", str(heard.lost), "0"),
        ("repeated", str(heard.repeated), "0"),
        ("out of order", str(heard.disordered), "0"),
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
    return is_quick and everybody_recovered and heard.is_clean


if __name__ == "__main__":
    typer.run(main)
