"""The one connection on which a pod hears its rooms, its own signals, and its own heartbeat."""

import asyncio
import contextlib
import math
import time
from collections.abc import Collection, Coroutine, Sequence
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

# What tells a signal from a delivery on the same channel: deliveries begin with a digit.
SIGNAL: Final = b"S"
HEARTBEAT: Final = b""
# 500 channels to a command subscribe 729,000 rooms a second, one to a command 37,000.
ROOMS_PER_COMMAND: Final = 500
# A pod that has not heard itself for this many heartbeats is deaf.
DEAF_AFTER_HEARTBEATS: Final = 3


class ReadHistory(Protocol):
    """How the subscriber reads what its rooms missed."""

    async def __call__(self, rooms: Collection[str], after_offset: int, up_to_offset: int | None) -> Sequence[Delivery]:
        """See `Broker.history`."""
        ...


class RedisSubscriber:
    """Keeps a pod's subscriptions, and hears nothing twice and nothing too late.

    When the connection is made again, the pod subscribes to all its rooms, then asks for the newest offset, then reads
    from the rooms' histories what lies between the last offset that it heard and that one, and only then goes on with
    what it hears; so a deaf moment delays messages, but loses none and turns none around.
    """

    def __init__(
        self, client: Redis, settings: RedisSettings, keys: Keys, pod_id: str, read_history: ReadHistory
    ) -> None:
        self._client = client
        self._settings = settings
        self._keys = keys
        self._pod_id = pod_id
        self._read_history = read_history
        self._connection: AbstractConnection | None = None
        self._confirmations: dict[str, asyncio.Future[None]] = {}  # every wanted room; done: subscribed once
        self._to_subscribe: list[str] = []
        self._leaving: dict[str, object] = {}
        self._flush_is_scheduled = False
        self._commands: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()  # commands go out whole, in the order in which they were asked for
        self._was_listening = False
        self._epoch = ""
        self._last_offset = 0
        self._caught_up_to = 0
        self._heard_at = -math.inf

    # -- what the broker asks ---------------------------------------------------------------------------------------

    async def subscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.subscribe`."""
        loop = asyncio.get_running_loop()
        for room in rooms:
            self._leaving.pop(room, None)
            if room not in self._confirmations:
                self._confirmations[room] = loop.create_future()
                self._to_subscribe.append(room)
        if self._to_subscribe:
            self._schedule_flush()
        waiting = [f for room in rooms if not (f := self._confirmations[room]).done()]
        if waiting:
            await asyncio.wait(waiting)

    def unsubscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.unsubscribe`."""
        mark = object()
        self._leaving.update(dict.fromkeys(rooms, mark))
        asyncio.get_running_loop().call_later(self._settings.unsubscribe_delay_seconds, self._leave, rooms, mark)

    def heard_seconds_ago(self) -> float:
        """See `Broker.heard_seconds_ago`."""
        return time.monotonic() - self._heard_at

    async def run(self, listener: BrokerListener) -> None:
        """Listen until cancelled, connecting again whenever the connection breaks or falls silent."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            while True:
                try:
                    await self._listen(listener)
                except RedisUnavailable as error:
                    log.warning("redis_subscription_lost", error=str(error), rooms=len(self._confirmations))
                await asyncio.sleep(self._settings.heartbeat_interval_seconds / 2)

    # -- subscribing ------------------------------------------------------------------------------------------------

    def _leave(self, rooms: Collection[str], mark: object) -> None:
        left = [room for room in rooms if self._leaving.get(room) is mark]
        if any(not self._confirmations[room].done() for room in left):
            # An answer is still under way; a later SUBSCRIBE must not take it for its own.
            asyncio.get_running_loop().call_later(self._settings.heartbeat_interval_seconds, self._leave, rooms, mark)
            return
        for room in left:
            del self._leaving[room]
            del self._confirmations[room]
        if left and self._connection is not None:
            self._spawn(self._send("UNSUBSCRIBE", left))

    def _schedule_flush(self) -> None:
        # Rooms that are joined in one turn of the loop are subscribed to with one command.
        if not self._flush_is_scheduled:
            self._flush_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_scheduled = False
        rooms, self._to_subscribe = self._to_subscribe, []
        if rooms and self._connection is not None:  # else all are subscribed to at once, when there is one
            self._spawn(self._send("SUBSCRIBE", rooms))

    def _spawn(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _send(self, command: str, rooms: Sequence[str]) -> None:
        connection = self._connection
        if connection is None:
            return
        # If the connection breaks here, `_listen` notices as well, and subscribes to all rooms again.
        with contextlib.suppress(RedisUnavailable), redis_errors(command):
            async with self._sending:
                for start in range(0, len(rooms), ROOMS_PER_COMMAND):
                    channels = [self._keys.room + room for room in rooms[start : start + ROOMS_PER_COMMAND]]
                    await connection.send_command(command, *channels, check_health=False)

    # -- listening --------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(RedisUnavailable), redis_errors("beat"):
                await self._client.publish(self._keys.pod(self._pod_id), SIGNAL + HEARTBEAT)
            await asyncio.sleep(self._settings.heartbeat_interval_seconds)

    async def _listen(self, listener: BrokerListener) -> None:
        connection: AbstractConnection = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            with redis_errors("subscribe"):
                await connection.connect()  # type: ignore[no-untyped-call]
                heard_meanwhile = await self._resubscribe(connection)
                await self._catch_up(listener, heard_meanwhile)
                log.info("redis_subscribed", rooms=len(self._confirmations))
                while True:
                    self._hear(await self._read(connection), listener)
        finally:
            self._connection = None
            await connection.disconnect(nowait=True)

    async def _read(self, connection: AbstractConnection) -> list[bytes]:
        # The own heartbeat is on this connection: silence means that it is broken, whatever TCP says.
        silence_seconds = self._settings.heartbeat_interval_seconds * DEAF_AFTER_HEARTBEATS
        reply: list[bytes] = await connection.read_response(timeout=silence_seconds)
        return reply

    async def _resubscribe(self, connection: AbstractConnection) -> list[list[bytes]]:
        """Subscribe to all wanted rooms; return what was heard before the last of them was confirmed."""
        heard: list[list[bytes]] = []
        own = (self._keys.pod(self._pod_id), self._keys.all_pods)
        await connection.send_command("SUBSCRIBE", *own, check_health=False)
        self._to_subscribe = []
        self._connection = connection
        rooms = list(self._confirmations)
        await self._send("SUBSCRIBE", rooms)
        unconfirmed = {channel.encode() for channel in (*own, *(self._keys.room + room for room in rooms))}
        while unconfirmed:
            reply = await self._read(connection)
            if reply[0] == b"subscribe":
                unconfirmed.discard(reply[1])
            heard.append(reply)
        return heard

    async def _catch_up(self, listener: BrokerListener, heard_meanwhile: list[list[bytes]]) -> None:
        """Tell what was missed, then what was heard meanwhile, without what is in both."""
        values: list[bytes | None] = await self._client.mget([self._keys.epoch, self._keys.offset])  # type: ignore[assignment]
        epoch, newest = (values[0] or b"").decode(), int(values[1] or 0)
        if self._was_listening:
            after = self._last_offset if epoch == self._epoch else 0
            rooms = [room for room, confirmation in self._confirmations.items() if confirmation.done()]
            missed = await self._read_history(rooms, after, newest)
            if missed:
                log.info("redis_caught_up", messages=len(missed), after_offset=after, up_to_offset=newest)
                listener.on_deliveries(missed)
        self._was_listening = True
        self._epoch, self._last_offset, self._caught_up_to = epoch, newest, newest
        for reply in heard_meanwhile:
            self._hear(reply, listener)

    def _hear(self, reply: list[bytes], listener: BrokerListener) -> None:
        kind, channel = reply[0], reply[1].decode()
        room = channel.removeprefix(self._keys.room)
        if kind == b"subscribe":
            confirmation = self._confirmations.get(room)
            if confirmation is not None and not confirmation.done():
                confirmation.set_result(None)
        elif kind == b"message":
            payload = reply[2]
            if payload == SIGNAL + HEARTBEAT:
                self._heard_at = time.monotonic()
            elif payload.startswith(SIGNAL):
                listener.on_signal(payload[len(SIGNAL) :])
            else:
                self._deliver(room, payload, listener)

    def _deliver(self, room: str, payload: bytes, listener: BrokerListener) -> None:
        try:
            delivery = wire.decode(room, payload)
        except ValueError:
            # Written by nobody that we know, or by a newer version than ours in a rolling upgrade gone wrong.
            log.exception("unreadable_delivery", room=room)
            return
        if delivery.epoch == self._epoch and delivery.offset <= self._caught_up_to:
            return  # told already, from history
        self._epoch, self._last_offset = delivery.epoch, delivery.offset
        listener.on_deliveries([delivery])
