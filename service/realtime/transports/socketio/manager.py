"""Socket.IO's rooms, shared between pods through the broker.

Everything that python-socketio does with rooms and session ids works for sockets on any pod: what concerns a room goes
to the pods that hold members of it, what concerns a session to the one pod that its id names.
"""

import asyncio
import contextlib
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import structlog
from socketio import AsyncManager, packet

from realtime.broker.base import Broker, Delivery
from realtime.clock import Clock
from realtime.errors import RedisUnavailable
from realtime.telemetry.metrics import Metrics
from realtime.transports.socketio.fanout import Fanout
from realtime.transports.socketio.sids import pod_of
from realtime.transports.socketio.signals import (
    CloseRoom,
    Disconnect,
    Emit,
    EnterRoom,
    LeaveRoom,
    Reply,
    Signal,
    decode_signal,
    encode_signal,
    join_packet,
    split_packet,
)

log = structlog.get_logger(__name__)

DEFAULT_NAMESPACE: Final = "/"
# Joins, disconnects and acks asked for by other pods, and slow sockets to close, that may wait here.
MAX_WAITING_TASKS: Final = 10_000
# Of these, how many are carried out at once: one that waits, for Redis or for a callback's own work, holds up no other.
MAX_RUNNING_TASKS: Final = 1_000
# Acks that this pod awaits from sessions on other pods; the oldest is given up for a newer one.
MAX_AWAITED_ACKS: Final = 10_000
# How long another pod may take to put a session of its own into a room.
ENTER_ROOM_SECONDS: Final = 5.0
# How long this pod waits to hear its own signal.
CLOSE_ROOM_SECONDS: Final = 1.0

Callback = Callable[..., Any]
Room = str | None


class BrokerManager(AsyncManager):  # type: ignore[misc]
    """A python-socketio client manager over a `Broker`; see there for order and loss.

    A broker's room is subscribed to while this pod has members in it. Where the stock Redis manager logs and drops,
    emits raise `RedisUnavailable`. Callbacks are for one session, as python-socketio documents.
    """

    def __init__(self, broker: Broker, pod_id: str, clock: Clock, metrics: Metrics) -> None:
        super().__init__()
        self._broker = broker
        self._pod_id = pod_id
        self._clock = clock
        self._metrics = metrics
        self._fanout: Fanout | None = None
        self._on_connected: Callable[[str], Awaitable[None]] | None = None
        self._rooms_of: dict[tuple[str, str], set[str]] = {}  # (namespace, sid) -> rooms: leaving costs its own rooms
        self._awaited_acks: OrderedDict[int, Callback] = OrderedDict()
        self._ack_ids = itertools.count(1)
        self._waiting: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(MAX_WAITING_TASKS)
        self._running = asyncio.Semaphore(MAX_RUNNING_TASKS)
        self._slow: set[str] = set()  # Engine.IO ids of sockets that are about to be closed

    def attach(self, fanout: Fanout, on_connected: Callable[[str], Awaitable[None]]) -> None:
        """Say how sockets are written to, and what happens once a client has been told that it is connected."""
        self._fanout = fanout
        self._on_connected = on_connected

    def has_members(self, room: str) -> bool:
        """Whether this pod holds a session in the room (of the default namespace)."""
        return room in self.rooms.get(DEFAULT_NAMESPACE, {})

    async def run(self) -> None:
        """Carry out what other pods ask for, and close slow sockets. Runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._running.acquire()
                tasks.create_task(self._attempt(await self._waiting.get()))

    async def _attempt(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception:
            log.exception("signal_failed")
            self._metrics.bugs.labels("signal").inc()
        finally:
            self._running.release()

    # -- what comes out of the broker (`BrokerListener`) ------------------------------------------------------------

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Write messages to the members that this pod holds of their rooms."""
        for delivery in deliveries:
            members = self._members(DEFAULT_NAMESPACE, delivery.room, delivery.except_rooms)
            if members:
                self._write(members, [delivery.packet.decode()])
                late_seconds = (self._clock.wall_ms() - delivery.occurred_ms) / 1_000
                self._metrics.delivery_latency.observe(max(0.0, late_seconds))

    def on_signal(self, signal: bytes) -> None:
        """Take a signal: it is carried out at once, in order with deliveries; what has to wait waits elsewhere."""
        decoded = decode_signal(signal)
        if decoded is None:
            return
        try:
            self._carry_out(decoded)
        except Exception:
            log.exception("signal_failed")
            self._metrics.bugs.labels("signal").inc()

    def _carry_out(self, signal: Signal) -> None:
        match signal:
            case Emit():
                self._write_emit(signal)
            case Reply():
                self._later(partial(self._answer, signal))
            case EnterRoom():
                is_here = self.is_connected(signal.sid, signal.namespace)
                if is_here:
                    self.basic_enter_room(signal.sid, signal.namespace, signal.room)
                self._later(partial(self._subscribe_for, signal, is_here))
            case LeaveRoom():
                self.basic_leave_room(signal.sid, signal.namespace, signal.room)
            case CloseRoom():
                self.basic_close_room(signal.room, signal.namespace)
                if signal.origin == self._pod_id and signal.reply_to in self._awaited_acks:
                    self._awaited_acks[signal.reply_to]()
            case Disconnect():
                self._later(partial(self.server.disconnect, signal.sid, signal.namespace, ignore_queue=True))

    def _write_emit(self, emit: Emit) -> None:
        members = self._members(emit.namespace, emit.room, emit.except_rooms)
        packets = emit.packets
        if emit.reply_to is not None:
            if emit.room is None or not self.is_connected(emit.room, emit.namespace):
                return
            reply = partial(self._reply, emit.origin, emit.room, emit.namespace, emit.reply_to)
            ack_id = self._generate_ack_id(emit.room, reply)
            arguments = join_packet(emit.text, emit.attachments)
            text, attachments = split_packet(packet.Packet(packet.EVENT, arguments, emit.namespace, id=ack_id))
            packets = [text, *attachments]
        self._write([member for member in members if member[0] not in emit.skip_sids], packets)

    async def _answer(self, reply: Reply) -> None:
        callback = self._awaited_acks.pop(reply.ack_id, None)
        if callback is not None:
            result = callback(*join_packet(reply.text, reply.attachments))
            if asyncio.iscoroutine(result):
                await result

    async def _subscribe_for(self, signal: EnterRoom, is_here: bool) -> None:
        # Unless it has left the room meanwhile; then nobody would let go of the subscription.
        if is_here and signal.room in self._rooms_of.get((signal.namespace, signal.sid), ()):
            await self._broker.subscribe([broker_room(signal.namespace, signal.room)])
        await self._reply(signal.origin, signal.sid, signal.namespace, signal.reply_to)

    def _members(self, namespace: str, room: Room, except_rooms: Iterable[str]) -> list[tuple[str, str]]:
        rooms = self.rooms.get(namespace, {})
        members = rooms.get(room, {}).items()
        others = [rooms[other] for other in except_rooms if other in rooms]
        return [(sid, eio_sid) for sid, eio_sid in members if not any(sid in other for other in others)]

    def _write(self, members: Iterable[tuple[str, str]], packets: Sequence[str | bytes]) -> None:
        assert self._fanout is not None
        written, slow = self._fanout.write((eio_sid for _, eio_sid in members), packets)
        self._metrics.deliveries.inc(written)
        for eio_sid in slow:
            # Once, however many messages come before it is closed.
            if eio_sid not in self._slow and self._later(partial(self._close_slow, eio_sid)):
                self._slow.add(eio_sid)

    async def _close_slow(self, eio_sid: str) -> None:
        assert self._fanout is not None
        try:
            await self._fanout.close(eio_sid)
        finally:
            self._slow.discard(eio_sid)

    def _later(self, task: Callable[[], Awaitable[None]]) -> bool:
        try:
            self._waiting.put_nowait(task)
        except asyncio.QueueFull:
            log.error("signal_dropped", waiting=MAX_WAITING_TASKS)  # noqa: TRY400 - there is no trace to tell
            self._metrics.bugs.labels("signal_queue_full").inc()
            return False
        return True

    async def _reply(self, origin: str, sid: str, namespace: str, ack_id: int, *arguments: Any) -> None:
        text, attachments = split_packet(packet.Packet(packet.ACK, list(arguments), namespace))
        reply = Reply(origin=self._pod_id, sid=sid, ack_id=ack_id, text=text, attachments=attachments)
        await self._broker.signal_pod(origin, encode_signal(reply))

    # -- what python-socketio asks: emitting ------------------------------------------------------------------------

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str | None = None,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callback | None = None,
        to: Any = None,
        ignore_queue: bool = False,
        **_: Any,
    ) -> None:
        """Emit to one session, a room, several rooms, or everybody in the namespace, on whatever pods they are.

        A session in several of the rooms receives it once. Raises `RedisUnavailable` when others than this pod's own
        sessions are meant and the broker cannot be reached, and `ValueError` for a callback from more than one session.
        """
        namespace, room = namespace or DEFAULT_NAMESPACE, to or room
        if ignore_queue or (isinstance(room, str) and self._is_here(room, namespace)):
            await super().emit(event, data, namespace, room=room, skip_sid=skip_sid, callback=callback)
            return
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        text, attachments = split_packet(packet.Packet(packet.EVENT, [event, *arguments], namespace))
        signal = Emit(
            origin=self._pod_id,
            namespace=namespace,
            room=None,
            text=text,
            attachments=attachments,
            skip_sids=tuple([skip_sid] if isinstance(skip_sid, str) else skip_sid or ()),
        )
        rooms = [room] if room is None or isinstance(room, str) else list(room)
        if callback is not None:
            if len(rooms) != 1 or pod_of(rooms[0]) is None:
                raise ValueError("A callback can be asked of one session only.")
            signal = signal.model_copy(update={"reply_to": self._await_ack(callback)})
        for number, one in enumerate(rooms):
            addressed = signal.model_copy(update={"room": one, "except_rooms": tuple(rooms[:number])})
            await self._send(namespace, one, encode_signal(addressed))

    async def _send(self, namespace: str, room: Room, signal: bytes) -> None:
        pod_id = pod_of(room)
        if room is None:
            await self._broker.signal_all(signal)
        elif pod_id is not None:
            await self._broker.signal_pod(pod_id, signal)
        else:
            await self._broker.signal_room(broker_room(namespace, room), signal)

    def _await_ack(self, callback: Callback) -> int:
        ack_id = next(self._ack_ids)
        self._awaited_acks[ack_id] = callback
        if len(self._awaited_acks) > MAX_AWAITED_ACKS:
            self._awaited_acks.popitem(last=False)
        return ack_id

    # -- what python-socketio asks: connecting and disconnecting ----------------------------------------------------

    def _is_here(self, sid: str, namespace: str) -> bool:
        return bool(self.is_connected(sid, namespace) or self.is_pre_connected(sid, namespace))

    async def connect(self, sid: str, namespace: str) -> str:
        """Called once the client has been told that it is connected; from here on it may receive."""
        sid = await super().connect(sid, namespace)
        assert self._fanout is not None
        eio_sid = self.eio_sid_from_sid(sid, namespace)
        if not self._fanout.holds(eio_sid):
            # It went while CONNECT was being answered, when python-socketio could not yet say so.
            await self.server._handle_disconnect(eio_sid, namespace, self.server.reason.TRANSPORT_CLOSE)  # noqa: SLF001
            return sid
        if self._on_connected is not None and namespace == DEFAULT_NAMESPACE:
            await self._on_connected(sid)
        return sid

    async def can_disconnect(self, sid: str, namespace: str) -> bool:
        """Whether the session is on this pod; if not, its pod is asked to disconnect it."""
        if self._is_here(sid, namespace):
            return bool(self.is_connected(sid, namespace))
        pod_id = pod_of(sid)
        if pod_id is not None:
            signal = Disconnect(origin=self._pod_id, sid=sid, namespace=namespace)
            await self._broker.signal_pod(pod_id, encode_signal(signal))
        return False

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget a session. The stock manager walks through all rooms of the pod for this."""
        for room in list(self._rooms_of.get((namespace, sid), ())):
            self.basic_leave_room(sid, namespace, room)
        self.basic_leave_room(sid, namespace, sid)
        self.basic_leave_room(sid, namespace, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    # -- what python-socketio asks: rooms ---------------------------------------------------------------------------

    async def enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        """Put a session into a room; returns once it receives what is emitted there, on whatever pod it is.

        Raises `ValueError` when it is not there, `RedisUnavailable` when its pod does not answer. A session of another
        pod that has gone meanwhile is left alone.
        """
        if not self._is_here(sid, namespace):
            pod_id = pod_of(sid)
            if pod_id is None or pod_id == self._pod_id:
                raise ValueError("sid is not connected to requested namespace")
            await self._enter_elsewhere(pod_id, sid, namespace, room)
            return
        self.basic_enter_room(sid, namespace, room, eio_sid)
        try:
            await self._broker.subscribe([broker_room(namespace, room)])
        except BaseException:
            self.basic_leave_room(sid, namespace, room)
            raise

    async def _enter_elsewhere(self, pod_id: str, sid: str, namespace: str, room: str) -> None:
        entered = asyncio.Event()
        ack_id = self._await_ack(entered.set)
        signal = EnterRoom(origin=self._pod_id, sid=sid, namespace=namespace, room=room, reply_to=ack_id)
        try:
            await self._broker.signal_pod(pod_id, encode_signal(signal))
            async with asyncio.timeout(ENTER_ROOM_SECONDS):
                await entered.wait()
        except TimeoutError:
            raise RedisUnavailable(f"pod {pod_id} does not answer") from None
        finally:
            self._awaited_acks.pop(ack_id, None)

    async def leave_room(self, sid: str, namespace: str, room: str) -> None:
        """Take a session out of a room."""
        if self._is_here(sid, namespace):
            self.basic_leave_room(sid, namespace, room)
            return
        pod_id = pod_of(sid)
        if pod_id is not None:
            signal = LeaveRoom(origin=self._pod_id, sid=sid, namespace=namespace, room=room)
            await self._broker.signal_pod(pod_id, encode_signal(signal))

    async def close_room(self, room: str, namespace: str | None = None) -> None:
        """Take everybody out of a room, on all pods, behind what was emitted there before."""
        namespace = namespace or DEFAULT_NAMESPACE
        if self.is_sid_room(namespace, room):
            raise ValueError("cannot close a sid room")
        closed = asyncio.Event()
        ack_id = self._await_ack(closed.set)
        signal = CloseRoom(origin=self._pod_id, namespace=namespace, room=room, reply_to=ack_id)
        try:
            await self._broker.signal_room(broker_room(namespace, room), encode_signal(signal))
            if room in self.rooms.get(namespace, {}):  # then this pod hears it, too
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_ROOM_SECONDS):
                        await closed.wait()
        finally:
            self._awaited_acks.pop(ack_id, None)
        self.basic_close_room(room, namespace)  # if it was deaf at that moment

    def basic_enter_room(self, sid: str, namespace: str, room: Room, eio_sid: str | None = None) -> None:
        """Note a session's room; see `enter_room`."""
        super().basic_enter_room(sid, namespace, room, eio_sid)
        if room is not None and room != sid:
            self._rooms_of.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Room) -> None:
        """Forget a session's room; let go of the broker's room with the last of its members."""
        super().basic_leave_room(sid, namespace, room)
        if room is None or room == sid:
            return
        rooms = self._rooms_of.get((namespace, sid))
        if rooms is not None and room in rooms:
            rooms.remove(room)
            if not rooms:
                del self._rooms_of[namespace, sid]
            if room not in self.rooms.get(namespace, {}):
                self._broker.unsubscribe([broker_room(namespace, room)])

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms of a session of this pod, its own among them."""
        own = [sid] if sid in self.rooms.get(namespace, {}) else []
        return [*own, *self._rooms_of.get((namespace, sid), ())]


def broker_room(namespace: str, room: str) -> str:
    """Name a namespace's room for the broker; rooms of the default namespace keep their names."""
    if namespace == DEFAULT_NAMESPACE and not room.startswith("/"):
        return room
    return f"{namespace}#{room}"
