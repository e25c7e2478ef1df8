"""What is lost, repeated or out of order: under drops of 2 s, while both pods are restarted, when one is killed.

Every client has numbered orders of its own in Kafka, some of which come while it is away. At the end all stay
connected, and more orders are written until each has heard one of those: whatever came before these has been
published, for a user's orders are in one partition. What has not come by then is lost.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from bench.client import LoadFailed
from bench.measurements import Metric
from parts.waiting import eventually
from scorecard.card import Card, Deployed
from scorecard.contenders import Client, Contender
from scorecard.lines import row_of
from tool.numbered import Verdict, judge
from tool.producer import paced

AWAY_SECONDS: Final = 2.0
# How long a connection lasts between two drops.
CONNECTED_SECONDS: Final = (2.0, 4.0)
CONNECT_SECONDS: Final = 60.0
MARK_EVERY_SECONDS: Final = 2.0
MARKS_MAX: Final = 30
COME_AT_ONCE: Final = 20
COME_EVERY_SECONDS: Final = 0.1


def metrics(name: str, title: str) -> tuple[Metric, Metric, Metric]:
    """The share that was delivered; how many came twice, and how many came behind a later one."""
    return (
        Metric(f"{name}/delivered", f"{title}: delivered", "%"),
        Metric(f"{name}/repeated", f"{title}: delivered twice", "events", more_is_better=False),
        Metric(f"{name}/disordered", f"{title}: out of order", "events", more_is_better=False),
    )


DROPS: Final = metrics("drops", "2 s drops")
RESTART: Final = metrics("restart", "rolling restart")
KILL: Final = metrics("kill", "a pod killed")

Trouble = Callable[[Card, Deployed, Sequence[Client]], Awaitable[None]]


async def run_drops(card: Card) -> None:
    """Break every connection again and again."""
    await _run(card, DROPS, _drop_all)


async def run_restart(card: Card) -> None:
    """End both pods, one after the other, as Kubernetes would, and start them again."""
    await _run(card, RESTART, _restart_all)


async def run_kill(card: Card) -> None:
    """Kill one of the two pods as a lost machine would, and start it again."""
    await _run(card, KILL, _kill_one)


async def _run(card: Card, row: Sequence[Metric], trouble: Trouble) -> None:
    for contender in card.turns(row_of(row[0])):
        card.say(f"{_title(row)}: {contender.title}")
        with card.survives(f"{_title(row)}, {contender.kind}"):
            async with _crowd(card, contender) as (deployed, clients):
                async with paced(deployed.records.in_turn(), card.plan.events_per_second):
                    await trouble(card, deployed, clients)
                owed = await _settle(deployed, clients)
            _record(card, row, contender, clients, owed)


@asynccontextmanager
async def _crowd(card: Card, contender: Contender) -> AsyncIterator[tuple[Deployed, list[Client]]]:
    """Two pods, half of the clients at each."""
    users = card.plan.clients
    tokens = card.tokens(users).read_text().split()
    both_cores = (card.cores.server, card.cores.rest)
    async with card.deployed(contender, users, cores=both_cores) as deployed:
        ports = [pod.port for pod in deployed.pods]
        clients = [contender.client(f"user-{number}", token, ports, number) for number, token in enumerate(tokens)]
        try:
            for number, client in enumerate(clients):
                client.come()
                if number % COME_AT_ONCE == 0:
                    await asyncio.sleep(COME_EVERY_SECONDS)
            await _all_listen(clients)
            yield deployed, clients
        except AssertionError as error:
            raise LoadFailed(str(error)) from error
        finally:
            for client in clients:
                client.leave()


async def _drop_all(card: Card, _: Deployed, clients: Sequence[Client]) -> None:
    async def drop(client: Client) -> None:
        while True:
            await asyncio.sleep(random.uniform(*CONNECTED_SECONDS))
            client.cut()
            await asyncio.sleep(AWAY_SECONDS)
            client.come()

    dropping = [asyncio.create_task(drop(client)) for client in clients]
    await asyncio.sleep(card.plan.drops_seconds)
    for task in dropping:
        task.cancel()
    await asyncio.wait(dropping)
    for client in clients:
        client.come()


async def _restart_all(card: Card, deployed: Deployed, _: Sequence[Client]) -> None:
    """Take at least so long, whoever is quicker: the share that is lost is of the events of the same time."""
    began = time.monotonic()
    for pod in deployed.pods:
        await asyncio.sleep(card.plan.pause_seconds)
        await pod.stop()
        await pod.start()
    await asyncio.sleep(max(card.plan.pause_seconds, began + card.plan.restart_seconds - time.monotonic()))


async def _kill_one(card: Card, deployed: Deployed, _: Sequence[Client]) -> None:
    """As long as a restart takes; so it is killed between two commits of those who commit by the clock."""
    began = time.monotonic()
    await asyncio.sleep(card.plan.restart_seconds / 2)
    pod = deployed.pods[0]
    await pod.kill()
    await pod.start()
    await asyncio.sleep(max(card.plan.pause_seconds, began + card.plan.restart_seconds - time.monotonic()))


async def _settle(deployed: Deployed, clients: Sequence[Client]) -> list[int]:
    """Wait until nothing that is owed is still on its way; how many orders each client was owed."""
    records = deployed.records
    owed = [records.numbers.get(user, 0) for user in records.users]
    await _all_listen(clients)

    def deaf() -> int:
        return sum(max(client.numbers, default=0) <= most for client, most in zip(clients, owed, strict=True))

    for _ in range(MARKS_MAX):
        for user in records.users:
            await records.order(user)
        await records.producer.flush()
        with suppress(AssertionError):
            await eventually(lambda: not deaf(), MARK_EVERY_SECONDS, "each client hears of a later order")
            return owed
    raise LoadFailed(f"{deaf()} of {len(clients)} connected clients hear nothing any more")


async def _all_listen(clients: Sequence[Client]) -> None:
    await eventually(
        lambda: all(client.is_listening for client in clients), CONNECT_SECONDS, "all clients are connected"
    )


def _record(
    card: Card, row: Sequence[Metric], contender: Contender, clients: Sequence[Client], owed: Sequence[int]
) -> None:
    # What was written later, to see that nothing is on its way any more, is not owed, and not judged.
    verdicts = [judge(client.numbers, range(1, most + 1)) for client, most in zip(clients, owed, strict=True)]
    verdict = sum(verdicts, Verdict())
    came_back = sum(client.connections - 1 for client in clients)
    card.counted.setdefault(f"{_title(row)}, {contender.title}", Counter()).update(
        {"delivered": verdict.delivered, "owed": sum(owed), "times back": came_back, "repetitions": 1}
    )
    for metric, value in zip(
        row, (100 * verdict.delivered / sum(owed), verdict.repeated, verdict.disordered), strict=True
    ):
        card.record(metric, contender.kind, value)


def _title(row: Sequence[Metric]) -> str:
    return row[0].title.partition(":")[0]
