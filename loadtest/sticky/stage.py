"""Three pods, the proxies before them, and what befalls them: some calm, and a rolling restart, under messages."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from parts.kafka import Kafka
from parts.pod import Cluster, Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually
from sticky.crowds import JsCrowd, PythonCrowd
from sticky.envoy import Envoy
from sticky.members import Cell, Member
from sticky.presets import TRANSPORTS
from sticky.proxies import Haproxy, Nginx, Traefik
from sticky.proxy import Proxy
from tool.producer import Orders, paced

KINDS: Final[dict[str, type[Proxy]]] = {
    "haproxy": Haproxy,
    "nginx": Nginx,
    "traefik": Traefik,
    "envoy-gateway": Envoy,
}
NEEDED: Final = {"haproxy": "haproxy", "nginx": "nginx", "traefik": "traefik", "envoy-gateway": "envoy"}
PODS: Final = 3
# As soon as kubelet and EndpointSlices would tell a proxy.
LOOK_SECONDS: Final = 0.5
TOKEN_SECONDS: Final = 7_200
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much of it. Clients are those of one cell; `patience_seconds`: for what must come to pass."""

    proxies: Sequence[str]
    js_clients: int = 6
    python_clients: int = 2
    calm_seconds: float = 15.0
    events_per_second: float = 60.0
    patience_seconds: float = 60.0
    settle_seconds: float = 5.0
    transports: Sequence[str] = tuple(TRANSPORTS)


@dataclass
class Lived:
    """What came of it: each member, what was sent to it, and what had broken before any pod was restarted."""

    members: Sequence[Member]
    sent: Counter[str]
    connected: frozenset[str]
    broken_while_calm: dict[str, int]
    back: frozenset[str]
    seconds: float


async def live(plan: Plan, kafka: Kafka, redis: RedisServer, directory: Path, say: Say) -> Lived:
    """Set all up, let it run, restart the pods one after the other, and take it down."""
    began, issuer = time.monotonic(), Issuer.hs256()
    topics = Topics(kafka, f"sticky{time.time_ns() % 1_000_000}")
    await topics.create()
    settings = {"REALTIME_DRAIN__SETTLE_SECONDS": str(plan.settle_seconds), "REALTIME_LOG__LEVEL": "warning"}
    async with AsyncExitStack() as at_the_end:
        say("starting the pods")
        cluster = Cluster(directory / "pods", topics, redis, issuer, pods=PODS, settings=settings)
        await at_the_end.enter_async_context(cluster)
        ports = {pod.name: pod.port for pod in cluster.pods}
        proxies: dict[tuple[str, bool], Proxy] = {}
        for name in plan.proxies:
            for sticky in (True, False):
                proxy = KINDS[name](name, directory / f"{name}-{sticky}", ports, sticky=sticky)
                at_the_end.push_async_callback(proxy.kill)
                await proxy.start()
                proxies[name, sticky] = proxy
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_tell_who_is_ready(cluster.pods, list(proxies.values())))
            lived = await _go_through_it(plan, cluster, proxies, directory, say)
            watching.cancel()
    await topics.delete()
    lived.seconds = time.monotonic() - began
    return lived


async def _go_through_it(
    plan: Plan, cluster: Cluster, proxies: dict[tuple[str, bool], Proxy], directory: Path, say: Say
) -> Lived:
    members = _members(plan, cluster.issuer, proxies)
    must = [member for member in members if member.cell.sticky or member.cell.transports == "websocket"]
    js = [member for member in members if member.language == "JavaScript"]
    async with (
        JsCrowd(js, directory),
        PythonCrowd([member for member in members if member not in js]),
        cluster.topics.producer() as producer,
    ):
        say(f"{len(members)} clients come")
        await _until_all(must, plan.patience_seconds)
        connected = [member for member in members if member.is_listening]
        orders, turn = Orders(producer, cluster.topics), cycle(connected)
        endings = {member.user: len(member.endings) for member in members}
        say(f"{len(connected)} of {len(members)} are connected; calm")
        async with paced(lambda: orders.write(next(turn).user), plan.events_per_second if connected else 0):
            await asyncio.sleep(plan.calm_seconds)
            broken = {member.user: len(member.endings) - endings[member.user] for member in members}
            for pod in cluster.pods:
                say(f"{pod.name} is restarted; {sum(m.is_listening for m in members)} of {len(members)} are connected")
                assert await pod.terminate() == 0, pod.log_tail()
                await pod.start()
                await _until_all(must, plan.patience_seconds)
        say("waiting for the last messages")
        await producer.flush()
        await _until(lambda: all(len(set(m.orders)) >= orders.written[m.user] for m in must), plan.patience_seconds)
        back = frozenset(member.user for member in members if member.is_listening)
        for member in members:
            member.has_left = True
        return Lived(members, orders.written, frozenset(m.user for m in connected), broken, back, 0)


def _members(plan: Plan, issuer: Issuer, proxies: dict[tuple[str, bool], Proxy]) -> list[Member]:
    members = []
    for (name, sticky), proxy in proxies.items():
        for transports in plan.transports:
            for language, count in (("JavaScript", plan.js_clients), ("Python", plan.python_clients)):
                for _ in range(count):
                    user = f"u-{len(members)}"
                    token = issuer.token(user, expires_in_seconds=TOKEN_SECONDS)
                    members.append(Member(user, Cell(name, sticky, transports), language, token, proxy.url))
    return members


async def _until_all(members: Sequence[Member], patience_seconds: float) -> None:
    await _until(lambda: all(member.is_listening for member in members), patience_seconds)


async def _until(condition: Callable[[], bool], patience_seconds: float) -> None:
    """Wait; what has not come to pass by then is what is measured."""
    try:
        await eventually(condition, patience_seconds, "")
    except AssertionError:
        return


async def _tell_who_is_ready(pods: Sequence[Pod], proxies: Sequence[Proxy]) -> None:
    told: list[str] = [pod.name for pod in pods]
    while True:
        ready = [pod.name for pod in pods if await pod.is_ready()]
        if ready != told and ready:
            for proxy in proxies:
                proxy.told(ready)
            told = ready
        await asyncio.sleep(LOOK_SECONDS)
