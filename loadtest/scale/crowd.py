"""Sockets that stay, and remember what they heard and when; who heard too little or too much is told by number."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from parts.pod import Pod
from parts.tokens import Issuer
from parts.waiting import eventually
from scale.outcome import Judgement
from scale.producer import Produced
from tool import numbered
from tool.socketio import SocketIoClient

ADMINS_A_POD: Final = 2
COME_AT_ONCE: Final = 50
CONNECTED_WITHIN_SECONDS: Final = 60.0
HEARD_WITHIN_SECONDS: Final = 30.0

ORDER, NOTIFICATION = "order:updated", "notification"
ADMIN, STOCK = "admin:order:updated", "inventory:updated"
FOLLOW_ADMIN: Final = '421["subscribe:admin",{}]'
FOLLOW_STOCK: Final = '422["subscribe:inventory",{}]'
# Where an event's number stands in each message.
NUMBER: Final = {ORDER: "orderId", NOTIFICATION: "orderId", ADMIN: "orderId", STOCK: "stock"}


class Listener(SocketIoClient):
    """A websocket at one pod. `heard` are events' numbers by message, in their order, each with when (monotonic)."""

    def __init__(self, user: str, token: str, port: int) -> None:
        super().__init__(user, token, [port])
        self.heard: dict[str, list[tuple[int, float]]] = defaultdict(list)

    def follow(self, packet: str) -> None:
        """Ask for a room more; it is heard once `is_listening` is true again."""
        self.is_listening = False
        self.say(packet)

    def hear(self, event: str, *arguments: Any) -> None:
        """Take an event, and note it."""
        super().hear(event, *arguments)
        key = NUMBER.get(event)
        if key is not None:
            self.heard[event].append((int(arguments[0][key]), time.monotonic()))


class Crowd:
    """All sockets of a step: so many users with orders of their own at each pod, and a few admins."""

    def __init__(self, pods: Sequence[Pod], users_a_pod: int, issuer: Issuer) -> None:
        def listener(user: str, number: int, *roles: str) -> Listener:
            return Listener(user, issuer.token(user, *roles), pods[number % len(pods)].port)

        self.users = [listener(f"u-{number}", number) for number in range(users_a_pod * len(pods))]
        self.admins = [listener(f"a-{number}", number, "admin") for number in range(ADMINS_A_POD * len(pods))]

    async def connect(self) -> None:
        """Connect the users, a few at a time: how fast newcomers are taken in is not what this is about."""
        for start in range(0, len(self.users), COME_AT_ONCE):
            coming = self.users[start : start + COME_AT_ONCE]
            for listener in coming:
                listener.come()
            await _all_listen(coming)

    async def connect_admins(self) -> None:
        """Connect the admins; from now on each hears of every order."""
        for listener in self.admins:
            listener.come()
        await _all_listen(self.admins)
        for listener in self.admins:
            listener.follow(FOLLOW_ADMIN)
        await _all_listen(self.admins)

    async def follow_stock(self) -> None:
        """Let every user follow the stock of all products."""
        for start in range(0, len(self.users), COME_AT_ONCE):
            following = self.users[start : start + COME_AT_ONCE]
            for listener in following:
                listener.follow(FOLLOW_STOCK)
            await _all_listen(following)

    def dismiss_admins(self) -> None:
        """Let the admins go."""
        for listener in self.admins:
            listener.leave()

    def leave(self) -> None:
        """Let all go, and not come back."""
        for listener in (*self.users, *self.admins):
            listener.leave()

    @property
    def reconnects(self) -> int:
        """How often somebody came back; nobody should have to."""
        return sum(max(0, len(listener.handshakes) - 1) for listener in (*self.users, *self.admins))

    # -- who heard what ---------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Begin a phase: what was heard before is judged already."""
        for listener in (*self.users, *self.admins):
            listener.heard.clear()

    def expected(self, message: str, produced: Produced) -> list[tuple[Listener, list[int]]]:
        """Who must have heard which numbers, all in their order."""
        if message == ADMIN:
            return [(listener, produced.numbers) for listener in self.admins]
        if message == STOCK:
            return [(listener, produced.numbers) for listener in self.users]
        return [(listener, produced.by_user.get(number, [])) for number, listener in enumerate(self.users)]

    async def have_heard(self, messages: Sequence[str], produced: Produced) -> None:
        """Wait until all has come that must; what never comes is judged, not waited for."""
        expected = [(listener, m, len(numbers)) for m in messages for listener, numbers in self.expected(m, produced)]
        with contextlib.suppress(AssertionError):
            await eventually(
                lambda: all(len(listener.heard[message]) >= count for listener, message, count in expected),
                HEARD_WITHIN_SECONDS,
                "everything is heard",
            )

    def waits(self, messages: Sequence[str], produced: Produced) -> list[tuple[float, float]]:
        """When each message's event was handed to the producer, and when it was heard, in the order of hearing."""
        heard = [
            (produced.sent_at[number], at)
            for listener in (*self.users, *self.admins)
            for message in messages
            for number, at in listener.heard[message]
            if number in produced.sent_at
        ]
        return sorted(heard, key=lambda one: one[1])


def judge(judgement: Judgement, crowd: Crowd, messages: Sequence[str], produced: Produced) -> None:
    """Look at what was heard in a phase. Order is promised within a partition; an admin hears of them all."""
    for message in messages:
        for listener, owed in crowd.expected(message, produced):
            heard = [number for number, _ in listener.heard[message]]
            by_partition: dict[int, list[int]] = defaultdict(list)
            for number in owed:
                by_partition[produced.partition[number]].append(number)
            verdict = sum((numbered.judge(heard, numbers) for numbers in by_partition.values()), numbered.Verdict())
            judgement.lost += verdict.lost
            judgement.twice += verdict.repeated
            judgement.misordered += verdict.disordered
            judgement.misrouted += len(set(heard) - set(owed))


async def _all_listen(listeners: Sequence[Listener]) -> None:
    await eventually(
        lambda: all(listener.is_listening for listener in listeners),
        CONNECTED_WITHIN_SECONDS,
        f"{len(listeners)} sockets are connected and listen",
    )
