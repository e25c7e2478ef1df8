"""The demo without a browser: real clients listen, real orders are placed, and everything heard is judged."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import aiohttp

from realtime.demo.children import LOOK_SECONDS
from realtime.demo.judge import Verdict, percentile
from realtime.demo.listener import LAST_TITLE, Listener
from realtime.demo.people import ADMIN, ALICE, BOB, BUYERS
from realtime.demo.pods import DemoPods
from realtime.demo.shop import PRODUCTS, Published, Shop
from realtime.settings import AuthSettings

ORDERS_PER_BUYER: Final = 20
STOCKS: Final = (40, 12, 3, 0, 25)
ARRIVE_TIMEOUT_SECONDS: Final = 30.0

# Everybody over both transports and, as newcomers are sent to one pod after the other, on both pods.
CAST: Final = (
    (ALICE, "websocket"),
    (ALICE, "polling"),
    (BOB, "polling"),
    (BOB, "websocket"),
    (ADMIN, "websocket"),
    (ADMIN, "polling"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run has shown; no faults when all is right."""

    table: str
    faults: list[str]
    facts: int


async def run_headless(url: str, shop: Shop, pods: DemoPods, auth: AuthSettings) -> Outcome:
    """Listen, trade, and judge. `url` is the sticky proxy's. Raises `DemoFailed` when nobody can connect."""
    listeners = [Listener(person, transport) for person, transport in CAST]
    async with AsyncExitStack() as at_the_end:
        for listener in listeners:
            await at_the_end.enter_async_context(listener)
            await listener.connect(url, listener.person.token(auth))
        published = await _trade(shop)
        faults = await _until_all(listeners, lambda one: not one.verdict(published).missing, "hears all that is due")
        try:
            await _say_the_last(url, ADMIN.token(auth))
        except aiohttp.ClientError as error:
            faults.append(f"the last message could not be sent: {error}")
        else:
            faults += await _until_all(listeners, lambda one: one.heard_the_last, "hears the last message")
        verdicts = [listener.verdict(published) for listener in listeners]
    for listener, verdict in zip(listeners, verdicts, strict=True):
        faults += [f"{listener}: {fault}" for fault in verdict.faults()]
    return Outcome(make_table(listeners, verdicts, pods), faults, len(published))


async def _trade(shop: Shop) -> list[Published]:
    """Put facts into Kafka, one after the other: both buyers' orders and how they go on, and stock in between."""
    published = []
    for number in range(ORDERS_PER_BUYER):
        for buyer in BUYERS:
            order = await shop.place_order(buyer.user_id)
            published.append(order)
            if number % 4 == 3:
                published.append(await shop.cancel_order(order.about, buyer.user_id))
                continue
            previous = "pending"
            for status in ("confirmed", "shipped"):
                published.append(await shop.update_order(order.about, buyer.user_id, status, previous))
                previous = status
        if number % 4 == 0:
            stock = STOCKS[number // 4 % len(STOCKS)]
            published += [await shop.set_stock(product, stock) for product in PRODUCTS]
    return published


async def _say_the_last(url: str, admin_token: str) -> None:
    """Tell everybody, over REST, that nothing more comes; it takes the same way as the facts, behind all of them."""
    text = {"title": LAST_TITLE, "message": "Nothing comes after this."}
    headers = {"Authorization": f"Bearer {admin_token}"}
    async with aiohttp.ClientSession(url, headers=headers, raise_for_status=True) as http:
        for buyer in BUYERS:
            await http.post("/realtime/test/notification", json={"userId": buyer.user_id, **text})
        await http.post("/realtime/broadcast/admin", json=text)


async def _until_all(listeners: Sequence[Listener], done: Callable[[Listener], bool], what: str) -> list[str]:
    """Wait, not forever; return a fault for each for whom it did not come."""
    deadline = time.monotonic() + ARRIVE_TIMEOUT_SECONDS
    waiting = list(listeners)
    while waiting := [listener for listener in waiting if not done(listener)]:
        if time.monotonic() > deadline or all(listener.lost for listener in waiting):
            return [
                f"{one}: not one that {what}, "
                + (f"the connection was lost ({one.lost})" if one.lost else f"not within {ARRIVE_TIMEOUT_SECONDS:g} s")
                for one in waiting
            ]
        await asyncio.sleep(LOOK_SECONDS)
    return []


def make_table(listeners: Sequence[Listener], verdicts: Sequence[Verdict], pods: DemoPods) -> str:
    """Who heard how much of what was due, and how long after Kafka's timestamp."""
    rows = [("who", "pod", "transport", "expected", "received", "foreign", "p50 ms", "p99 ms")]
    for listener, verdict in zip(listeners, verdicts, strict=True):
        pod = pods.of_session(listener.session_id)
        rows.append(
            (
                listener.person.user_id,
                pod.name if pod is not None else "?",
                listener.transport,
                str(verdict.expected),
                str(verdict.received),
                str(len(verdict.foreign)),
                f"{percentile(listener.late_ms, 0.50):.1f}",
                f"{percentile(listener.late_ms, 0.99):.1f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    # Words to the left, numbers to the right.
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
