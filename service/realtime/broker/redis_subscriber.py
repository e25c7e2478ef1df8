"""The one connection on which a pod hears its rooms, its own signals, and its own heartbeat."""

import asyncio
import contextlib
import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final, Protocol

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from realtime.broker import wire
from realtime.broker.base import BrokerListener, Delivery
from realtime.errors import RedisUnavailable
from realtime.redis.connection import redis_errors
from realtime.redis.keys import Keys
from realtime.settings import RedisSettings

log = structlog.get_logger(__name__)

# What tells signals and heartbeats from deliveries on the same channels: deliveries begin with a digit.
SIGNAL: Final = b"S"
HEARTBEAT: Final = b"H"
# 500 channels to a command subscribe 729,000 rooms a second, one to a command 37,000.
ROOMS_PER_COMMAND: Final = 500
# A pod that has not heard itself for this many heartbeats is deaf.
DEAF_AFTER_HEARTBEATS: Final = 3


class ReadHistory(Protocol):
    """How the subscriber reads what its rooms missed."""

    async def __call__(self, after_offsets: Mapping[str, int], up_to_offset: int) -> Sequence[Delivery]:
        """Of each room what lies behind its own offset, all in order; nothing behind `up_to_offset`."""
        ...


@dataclass(slots=True)
class _Subscription:
    """A wanted room, and how far the listener has been told what was published into it.

    What was published before the room was asked for counts as told. `epoch` is None until that is known.
    """

    ready: asyncio.Future[None]  # done: `subscribe` has returned, and from here on nothing may be missed
    epoch: str | None = None
    told_up_to: int = 0

    def has_told(self, delivery: Delivery) -> bool:
        return delivery.epoch == self.epoch and delivery.offset <= self.told_up_to


class RedisSubscriber:
    """Keeps a pod's subscriptions, and hears nothing twice and nothing too late.

    When the connection is made again, the pod subscribes to all its rooms, then asks for the newest offset, then reads
    from the rooms' histories what lies between what they have been told and that one, and only then goes on with what
    it hears; so a deaf moment delays messages, but loses none and turns none around. (Signals are in no history: those
    of a deaf moment are lost, and one that comes while it catches up may come behind messages that were published
    later.)

    How far a room has been told is kept for each room: a connection may break between two rooms of one message, and a
    room that was joined a moment ago must not hear what came before.
    """

    def __init__(
        self, client: Redis, settings: RedisSettings, keys: Keys, pod_id: str, read_history: ReadHistory
    ) -> None:
        self._client = client
        self._settings = settings
        self._keys = keys
        self._pod_id = pod_id
        self._read_history = read_history
        self._rooms: dict[str, _Subscription] = {}  # every wanted room
        self._leaving: dict[str, object] = {}
        self._is_connected = False  # else all rooms are subscribed to at once, when it is
        self._to_send: list[tuple[str, str]] = []  # (command, room), in the order in which they were asked for
        self._something_to_send = asyncio.Event()
        self._answered: set[str] = set()  # rooms whose SUBSCRIBE on this connection has been answered
        self._heard_at = -math.inf

    # -- what the broker asks ---------------------------------------------------------------------------------------

    async def subscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.subscribe`."""
        new = [room for room in dict.fromkeys(rooms) if room not in self._rooms]
        for room in new:
            room.encode()  # what cannot be written is the caller's error; later it would be the connection's
        for room in rooms:
            self._leaving.pop(room, None)
        for room in new:
            self._rooms[room] = _Subscription(asyncio.get_running_loop().create_future())
        self._ask("SUBSCRIBE", new)
        waiting = [ready for room in rooms if not (ready := self._rooms[room].ready).done()]
        if waiting:
            await asyncio.wait(waiting)

    def unsubscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.unsubscribe`."""
        mark, known = object(), [room for room in dict.fromkeys(rooms) if room in self._rooms]
        if known:
            self._leaving.update(dict.fromkeys(known, mark))
            self._leave_later(self._settings.unsubscribe_delay_seconds, known, mark)

    def heard_seconds_ago(self) -> float:
        """See `Broker.heard_seconds_ago`."""
        return time.monotonic() - self._heard_at

    async def run(self, listener: BrokerListener) -> None:
        """Listen until cancelled, connecting again whenever the connection breaks or falls silent."""
        this_task = asyncio.current_task()
        assert this_task is not None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            # Before Python 3.13 a task group that is failing swallows a cancellation (cpython issue 116720).
            while not this_task.cancelling():
                try:
                    await self._listen(listener)
                except* RedisUnavailable as errors:
                    error = str(errors.exceptions[0])
                    log.warning("redis_subscription_lost", error=error, rooms=len(self._rooms))
                await asyncio.sleep(self._settings.heartbeat_interval_seconds / 2)
            raise asyncio.CancelledError

    # -- subscribing ------------------------------------------------------------------------------------------------

    def _ask(self, command: str, rooms: Sequence[str]) -> None:
        # Rooms that are joined while others are being subscribed to go together with the next command.
        if rooms and self._is_connected:
            self._to_send += ((command, room) for room in rooms)
            self._something_to_send.set()

    def _leave_later(self, delay_seconds: float, rooms: Sequence[str], mark: object) -> None:
        asyncio.get_running_loop().call_later(delay_seconds, self._leave, rooms, mark)

    def _leave(self, rooms: Sequence[str], mark: object) -> None:
        left = [room for room in rooms if self._leaving.get(room) is mark]
        if self._is_connected:
            # As long as an answer is under way, it could be taken for that to a later SUBSCRIBE.
            unanswered = [room for room in left if room not in self._answered]
            if unanswered:
                self._leave_later(self._settings.heartbeat_interval_seconds, unanswered, mark)
            left = [room for room in left if room in self._answered]
        for room in left:
            del self._leaving[room]
            self._answered.discard(room)
            subscription = self._rooms.pop(room)
            if not subscription.ready.done():
                subscription.ready.set_result(None)  # who still waits for a room that was let go waits for nothing
        self._ask("UNSUBSCRIBE", left)

    async def _write(self, connection: AbstractConnection) -> None:
        """Send what is asked for; learn up to where new rooms count as told."""
        while True:
            await self._something_to_send.wait()
            self._something_to_send.clear()
            asked, self._to_send = self._to_send, []
            for command, of_it in groupby(asked, itemgetter(0)):
                rooms = [room for _, room in of_it]
                for start in range(0, len(rooms), ROOMS_PER_COMMAND):
                    channels = [self._keys.room + room for room in rooms[start : start + ROOMS_PER_COMMAND]]
                    with redis_errors(command):
                        await connection.send_command(command, *channels, check_health=False)
                if command == "SUBSCRIBE":
                    await self._begin(rooms)

    async def _begin(self, rooms: Sequence[str]) -> None:
        # Asked for since the rooms are: all that is published once `subscribe` has returned lies behind it.
        epoch, newest = await self._newest()
        for room in rooms:
            subscription = self._rooms.get(room)
            if subscription is not None:
                if subscription.epoch is None:
                    subscription.epoch, subscription.told_up_to = epoch, newest
                self._note_readiness(room, subscription)

    def _note_readiness(self, room: str, subscription: _Subscription) -> None:
        if room in self._answered and subscription.epoch is not None and not subscription.ready.done():
            subscription.ready.set_result(None)

    async def _newest(self) -> tuple[str, int]:
        with redis_errors("read the newest offset"):
            values: list[bytes | None] = await self._client.mget([self._keys.epoch, self._keys.offset])  # type: ignore[assignment]
        return (values[0] or b"").decode(), int(values[1] or 0)

    # -- listening --------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(RedisUnavailable), redis_errors("beat"):
                await self._client.publish(self._keys.pod(self._pod_id), HEARTBEAT)
            await asyncio.sleep(self._settings.heartbeat_interval_seconds)

    async def _listen(self, listener: BrokerListener) -> None:
        connection: AbstractConnection = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        own = (self._keys.pod(self._pod_id), self._keys.all_pods)
        try:
            with redis_errors("subscribe"):
                await connection.connect()  # type: ignore[no-untyped-call]
                await connection.send_command("SUBSCRIBE", *own, check_health=False)
            self._is_connected = True
            self._ask("SUBSCRIBE", list(self._rooms))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(connection))
                await self._catch_up(connection, own, listener)
                while True:
                    self._hear(await self._read(connection), listener)
        finally:
            self._is_connected = False
            self._to_send = []
            self._answered.clear()
            await connection.disconnect(nowait=True)

    async def _read(self, connection: AbstractConnection) -> list[bytes]:
        # The own heartbeat is on this connection: silence means that it is broken, whatever TCP says.
        heartbeat_seconds = self._settings.heartbeat_interval_seconds
        with redis_errors("listen"):
            reply: list[bytes] | None = await connection.read_response(
                timeout=heartbeat_seconds * (DEAF_AFTER_HEARTBEATS - 1)
            )
            if reply is None:
                # Or this pod was held up; then there is something to read by now.
                reply = await connection.read_response(timeout=heartbeat_seconds)
        if reply is None:
            raise RedisUnavailable(f"nothing was heard for {DEAF_AFTER_HEARTBEATS} heartbeats, not even these")
        return reply

    async def _catch_up(self, connection: AbstractConnection, own: Iterable[str], listener: BrokerListener) -> None:
        """Tell what was missed, then what is heard meanwhile, without what is in both."""
        rooms = {room: subscription for room, subscription in self._rooms.items() if subscription.ready.done()}
        unconfirmed = {channel.encode() for channel in (*own, *(self._keys.room + room for room in rooms))}
        heard_meanwhile = []
        while unconfirmed:
            reply = await self._read(connection)
            heard_meanwhile.append(reply)
            if reply[0] == b"subscribe":
                unconfirmed.discard(reply[1])
        if rooms:
            self._tell(await self._read_missed(rooms), listener)
        for reply in heard_meanwhile:
            self._hear(reply, listener)
        log.info("redis_subscribed", rooms=len(self._rooms))

    async def _read_missed(self, rooms: Mapping[str, _Subscription]) -> list[Delivery]:
        epoch, newest = await self._newest()
        for room, subscription in self._rooms.items():
            if room not in rooms:
                # Nobody has been promised these yet, and what they heard meanwhile would come behind what is told now.
                subscription.epoch, subscription.told_up_to = epoch, newest
            elif subscription.epoch == epoch:
                # A Redis that has forgotten its last offsets, and whose clock is slow, may give these again.
                subscription.told_up_to = min(subscription.told_up_to, newest)
        # In a new order nothing has been told yet.
        after = {room: s.told_up_to if s.epoch == epoch else 0 for room, s in rooms.items()}
        missed = [
            delivery
            for delivery in await self._read_history(after, newest)
            # Beside the new order, history may hold what was told of the last one, and others before.
            if delivery.epoch in {epoch, rooms[delivery.room].epoch}
        ]
        if missed:
            log.info("redis_caught_up", messages=len(missed), up_to_offset=newest)
        return missed

    def _hear(self, reply: list[bytes], listener: BrokerListener) -> None:
        kind, channel, payload = reply
        room = channel.decode().removeprefix(self._keys.room)
        if kind == b"subscribe":
            subscription = self._rooms.get(room)
            if subscription is not None:
                self._answered.add(room)
                self._note_readiness(room, subscription)
        elif kind != b"message":
            pass  # the answer to UNSUBSCRIBE
        elif payload == HEARTBEAT:
            self._heard_at = time.monotonic()
        elif payload.startswith(SIGNAL):
            listener.on_signal(payload[len(SIGNAL) :])
        else:
            delivery = wire.read(room, payload)
            if delivery is not None:
                self._tell([delivery], listener)

    def _tell(self, deliveries: Iterable[Delivery], listener: BrokerListener) -> None:
        untold = []
        for delivery in deliveries:
            subscription = self._rooms.get(delivery.room)
            if subscription is not None and not subscription.has_told(delivery):
                subscription.epoch, subscription.told_up_to = delivery.epoch, delivery.offset
                untold.append(delivery)
        if untold:
            listener.on_deliveries(untold)
