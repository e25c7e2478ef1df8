"""The one connection on which a pod hears its rooms, its own signals, and its own heartbeat."""

import asyncio
import contextlib
import math
import random
import secrets
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from typing import Final, Protocol

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from realtime.broker import wire
from realtime.broker.base import BrokerListener, Delivery
from realtime.broker.place import Place
from realtime.broker.subscription import Subscription
from realtime.broker.told import Told
from realtime.broker.words import PLAIN, SHARDED
from realtime.errors import RedisUnavailable
from realtime.redis.calls import Operation, RedisCalls
from realtime.redis.connection import PushedReplies
from realtime.redis.keys import Keys
from realtime.settings import RedisSettings, Topology
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

NEWEST_SCRIPT: Final = files("realtime.broker").joinpath("newest.lua").read_text()
# What tells signals and heartbeats from deliveries on the same channels: deliveries begin with a digit.
SIGNAL: Final = b"S"
HEARTBEAT: Final = b"H"
# 500 channels to a command subscribe 729,000 rooms a second, one to a command 37,000.
ROOMS_PER_COMMAND: Final = 500
# What is read before others have their turn: some hundred messages, so one or two milliseconds of the loop's time.
MAX_BYTES_A_TURN: Final = 65_536
# The same for what is told of histories.
MISSED_A_TURN: Final = 200
# A lost connection is made again after this, then after twice as long each time, less up to a half of it.
FIRST_DELAY_SECONDS: Final = 0.1
LONGEST_DELAY_SECONDS: Final = 5.0
# A pod that has not heard itself for this many heartbeats is deaf.
DEAF_AFTER_HEARTBEATS: Final = 3


class ReadHistory(Protocol):
    """How the subscriber reads what its rooms missed."""

    async def __call__(self, after_offsets: Mapping[str, int], up_to_offset: int) -> Sequence[Delivery]:
        """Of each room what lies behind its own offset, all in order; nothing behind `up_to_offset`."""
        ...


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
        self,
        client: Redis,
        settings: RedisSettings,
        kept_messages: int,
        keys: Keys,
        pod_id: str,
        read_history: ReadHistory,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._settings = settings
        self._kept_messages = kept_messages
        self._keys = keys
        self._read_history = read_history
        self._calls = RedisCalls(metrics)
        self._reconnects = metrics.redis_reconnects
        # In a cluster a channel is on its slot's node alone, else each message would go to all nodes.
        self.words = SHARDED if settings.address.topology is Topology.CLUSTER else PLAIN
        self._own_channel = keys.pod(pod_id).encode()
        self._newest_script = client.register_script(NEWEST_SCRIPT)
        self._rooms: dict[str, Subscription] = {}  # every wanted room
        self._channels: dict[bytes, Subscription] = {}  # the same by their channels
        self._leaving: dict[str, object] = {}
        self._is_connected = False  # else all rooms are subscribed to at once, when it is
        self._has_been_connected = False
        self._to_send: list[tuple[str, str]] = []  # (command, room), in the order in which they were asked for
        self._something_to_send = asyncio.Event()
        self._answered: set[str] = set()  # rooms whose SUBSCRIBE on this connection has been answered
        self._heard_at = -math.inf
        # The connection on which Redis has said that this pod hears its own channel.
        self._own: AbstractConnection | None = None
        # What was published before a place comes before the heartbeat that names it.
        self.told = Told(self._publish_heartbeat)

    # -- what the broker asks ---------------------------------------------------------------------------------------

    async def subscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.subscribe`."""
        new = [room for room in dict.fromkeys(rooms) if room not in self._rooms]
        for room in new:
            room.encode()  # what cannot be written is the caller's error; later it would be the connection's
        for room in rooms:
            self._leaving.pop(room, None)
        for room in new:
            subscription = Subscription(room, asyncio.get_running_loop().create_future())
            self._rooms[room] = self._channels[self._channel(room)] = subscription
        self._ask(self.words.subscribe, new)
        waiting = [ready for room in rooms if (ready := self._rooms[room].ready) is not None]
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

    def told_in(self, room: str) -> Place:
        """See `Broker.told_in`."""
        subscription = self._rooms.get(room)
        begun = None
        if subscription is not None and subscription.epoch is not None:
            begun = Place(subscription.epoch, subscription.told_up_to)
        told = self.told.place
        if begun is not None and (told is None or (begun.epoch == told.epoch and begun > told)):
            return begun
        if told is None:
            raise RedisUnavailable("this pod has not heard from Redis yet")
        return told

    async def run(self, listener: BrokerListener) -> None:
        """Listen until cancelled, connecting again whenever the connection breaks or falls silent."""
        this_task = asyncio.current_task()
        assert this_task is not None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            failures = 0
            # Before Python 3.13 a task group that is failing swallows a cancellation (cpython issue 116720).
            while not this_task.cancelling():
                heard_at = self._heard_at
                try:
                    await self._listen(listener)
                except* RedisUnavailable as errors:
                    failures = 1 if self._heard_at > heard_at else failures + 1
                    if failures.bit_count() == 1:  # the first, second, fourth, eighth...: an outage fills no disk
                        error = str(errors.exceptions[0])
                        log.warning(
                            "redis_subscription_lost", error=error, rooms=len(self._rooms), failures_in_a_row=failures
                        )
                longest = min(FIRST_DELAY_SECONDS * 2 ** min(failures - 1, 10), LONGEST_DELAY_SECONDS)
                await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - jitter, not a secret
            raise asyncio.CancelledError

    def _channel(self, room: str) -> bytes:
        return (self._keys.room + room).encode()

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
            del self._channels[self._channel(room)]
            subscription.be_ready()  # who still waits for a room that was let go waits for nothing
        self._ask(self.words.unsubscribe, left)

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
                    with self._calls.trying(Operation.LISTEN, command):
                        await connection.send_command(command, *channels, check_health=False)
                if command == self.words.subscribe:
                    await self._begin(rooms)

    async def _begin(self, rooms: Sequence[str]) -> None:
        # Asked for since the rooms are: all that is published once `subscribe` has returned lies behind it.
        newest = await self.newest()
        for room in rooms:
            subscription = self._rooms.get(room)
            if subscription is not None:
                if subscription.epoch is None:
                    subscription.epoch, subscription.told_up_to = newest
                self._note_readiness(subscription)

    def _note_readiness(self, subscription: Subscription) -> None:
        if subscription.room in self._answered and subscription.epoch is not None:
            subscription.be_ready()

    async def newest(self) -> Place:
        """Up to where has been published, and nothing will be before. Raises `RedisUnavailable`."""
        with self._calls.asking(Operation.NEWEST, "read the newest offset"):
            place, _ = await self._ask_newest()
        return place

    async def _ask_newest(self, publish: str = "", channel: bytes = b"") -> tuple[Place, int]:
        epoch, offset, hear = await self._newest_script(
            keys=[self._keys.epoch, self._keys.offset], args=[secrets.token_urlsafe(6), publish, channel]
        )
        return Place(epoch.decode(), offset), hear

    # -- listening --------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(RedisUnavailable):
                await self._publish_heartbeat()
            await asyncio.sleep(self._settings.heartbeat_interval_seconds)

    async def _publish_heartbeat(self) -> None:
        own = self._own
        with self._calls.asking(Operation.HEARTBEAT, "beat"):
            _, hear = await self._ask_newest(self.words.publish, self._own_channel)
            if own is not None and own is self._own and not hear:
                # The primary does not have our connection: it is another server by now. A replica passes on what it
                # hears from its primary, later and as far as it hears it, so nothing else might ever tell.
                log.warning("redis_subscription_on_a_replica", host=getattr(own, "host", None))
                self._own = None
                await own.disconnect(nowait=True)

    async def _listen(self, listener: BrokerListener) -> None:
        connection: AbstractConnection = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        own = (self._own_channel.decode(), self._keys.all_pods)
        try:
            with self._calls.trying(Operation.LISTEN, "subscribe"):
                await connection.connect()  # type: ignore[no-untyped-call]
                await connection.send_command(self.words.subscribe, *own, check_health=False)
            if self._has_been_connected:
                self._reconnects.inc()
            self._is_connected = self._has_been_connected = True
            self._ask(self.words.subscribe, list(self._rooms))
            replies = PushedReplies(connection)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(connection))
                await self._catch_up(replies, connection, own, listener)
                while True:
                    self._hear(await self._read(replies), listener)
        finally:
            self._is_connected = False
            self._own = None
            self._to_send = []
            self._answered.clear()
            await connection.disconnect(nowait=True)

    async def _read(self, replies: PushedReplies) -> list[list[bytes]]:
        # The own heartbeat is on this connection: silence means that it is broken, whatever TCP says.
        heartbeat_seconds = self._settings.heartbeat_interval_seconds
        # Or this pod was held up; then there is something to read by now, in the second time.
        with self._calls.trying(Operation.LISTEN, "listen"):
            for patience_seconds in (heartbeat_seconds * (DEAF_AFTER_HEARTBEATS - 1), heartbeat_seconds):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_seconds):
                        return await replies.read(MAX_BYTES_A_TURN)
            raise RedisUnavailable(f"nothing was heard for {DEAF_AFTER_HEARTBEATS} heartbeats, not even these")

    async def _catch_up(
        self, replies: PushedReplies, connection: AbstractConnection, own: Iterable[str], listener: BrokerListener
    ) -> None:
        """Tell what was missed, then what is heard meanwhile, without what is in both."""
        rooms = {room: subscription for room, subscription in self._rooms.items() if subscription.is_ready}
        unconfirmed = {channel.encode() for channel in (*own, *(self._keys.room + room for room in rooms))}
        heard_meanwhile = []
        while unconfirmed:
            heard = await self._read(replies)
            heard_meanwhile.append(heard)
            unconfirmed.difference_update(channel for kind, channel, _ in heard if kind == self.words.subscribed)
        self._own = connection
        await self._tell_missed(rooms, listener)
        for heard in heard_meanwhile:
            self._hear(heard, listener)
            await asyncio.sleep(0)
        log.info("redis_subscribed", rooms=len(self._rooms))

    async def _tell_missed(self, rooms: Mapping[str, Subscription], listener: BrokerListener) -> None:
        newest = await self.newest()
        missed = await self._read_missed(rooms, newest) if rooms else []
        lossy = [room for room, messages in Counter(d.room for d in missed).items() if messages >= self._kept_messages]
        if lossy:
            # A history that holds nothing older may have held more.
            log.error("history_too_short", rooms=len(lossy), messages_kept=self._kept_messages)
            listener.on_gap(lossy)
        for start in range(0, len(missed), MISSED_A_TURN):
            self._tell(missed[start : start + MISSED_A_TURN], listener)
            await asyncio.sleep(0)
        self.told.note(newest)
        if missed:
            log.info("redis_caught_up", messages=len(missed), up_to_offset=newest.offset)

    async def _read_missed(self, rooms: Mapping[str, Subscription], newest: Place) -> list[Delivery]:
        epoch = newest.epoch
        for room, subscription in self._rooms.items():
            if room not in rooms:
                # Nobody has been promised these yet, and what they heard meanwhile would come behind what is told now.
                subscription.epoch, subscription.told_up_to = newest
            elif subscription.epoch == epoch:
                # A Redis that has forgotten its last offsets, and whose clock is slow, may give these again.
                subscription.told_up_to = min(subscription.told_up_to, newest.offset)
        # In a new order nothing has been told yet.
        after = {room: s.told_up_to if s.epoch == epoch else 0 for room, s in rooms.items()}
        return [
            delivery
            for delivery in await self._read_history(after, newest.offset)
            # Beside the new order, history may hold what was told of the last one, and others before.
            if delivery.epoch in {epoch, rooms[delivery.room].epoch}
        ]

    def _tell(self, deliveries: Iterable[Delivery], listener: BrokerListener) -> None:
        untold = []
        for delivery in deliveries:
            subscription = self._rooms.get(delivery.room)
            if subscription is not None and subscription.takes(delivery):
                untold.append(delivery)
        self._tell_untold(untold, listener)

    def _tell_untold(self, untold: Sequence[Delivery], listener: BrokerListener) -> None:
        if untold:
            listener.on_deliveries(untold)
            self.told.note(Place(untold[-1].epoch, untold[-1].offset))

    def _take_heartbeat(self, payload: bytes) -> None:
        try:
            place = Place.parse(payload[len(HEARTBEAT) :].decode())
        except ValueError:
            log.error("unreadable_heartbeat", payload=payload[:80])  # noqa: TRY400 - there is no trace to tell
            return
        self._heard_at = time.monotonic()
        self.told.advance(place)

    def _hear(self, replies: Iterable[list[bytes]], listener: BrokerListener) -> None:
        """Tell what was heard, in its order: all deliveries between two signals at once."""
        untold: list[Delivery] = []
        message = self.words.message
        for kind, channel, payload in replies:
            if kind == message:
                subscription = self._channels.get(channel)
                if payload.startswith((SIGNAL, HEARTBEAT)):
                    self._tell_untold(untold, listener)
                    untold = []
                    if payload.startswith(SIGNAL):
                        listener.on_signal(payload[len(SIGNAL) :])
                    else:
                        self._take_heartbeat(payload)
                elif subscription is not None:
                    delivery = wire.read(subscription.room, payload)
                    if delivery is not None and subscription.takes(delivery):
                        untold.append(delivery)
            elif kind == self.words.subscribed and (subscription := self._channels.get(channel)) is not None:
                self._answered.add(subscription.room)
                self._note_readiness(subscription)
            elif kind == self.words.unsubscribed and channel == self._own_channel:
                raise RedisUnavailable("another node of the cluster holds this shard now")
        self._tell_untold(untold, listener)
