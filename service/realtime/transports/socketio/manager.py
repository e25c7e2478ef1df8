"""Socket.IO's rooms, shared between pods through the broker.

Everything that python-socketio does with rooms and session ids works for sockets on any pod: what concerns a room goes
to the pods that hold members of it, what concerns a session to the one pod that its id names.
"""

import asyncio
import contextlib
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Final

import structlog
from socketio import packet

from realtime.broker.base import Broker, Delivery
from realtime.clock import Clock
from realtime.errors import RedisUnavailable
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.tracing import NO_TRACING, Tracing
from realtime.transports.engineio import frames
from realtime.transports.engineio.hub import Reason
from realtime.transports.engineio.packets import text_frame
from realtime.transports.socketio.hold import Held
from realtime.transports.socketio.lateness import note_lateness
from realtime.transports.socketio.local import DEFAULT_NAMESPACE, Callback, LocalManager
from realtime.transports.socketio.rooms import Stage
from realtime.transports.socketio.sids import pod_of
from realtime.transports.socketio.signals import (
    CloseRoom,
    Disconnect,
    Emit,
    EnterRoom,
    LeaveRoom,
    Reply,
    Signal,
    Supersede,
    decode_signal,
    encode_event,
    encode_signal,
    join_packet,
    placed_packet,
    split_packet,
)
from realtime.transports.socketio.traces import trace_delivery

log = structlog.get_logger(__name__)

# Joins, disconnects and acks asked for by other pods that may wait here.
MAX_WAITING_TASKS: Final = 10_000
# Of these, how many are carried out at once: one that waits, for Redis or for a callback's own work, holds up no other.
MAX_RUNNING_TASKS: Final = 1_000
# Acks that this pod awaits from sessions on other pods; the oldest is given up for a newer one.
MAX_AWAITED_ACKS: Final = 10_000
# How long another pod may take to put a session of its own into a room.
ENTER_ROOM_SECONDS: Final = 5.0
SUPERSEDED: Final = "This session goes on elsewhere."
# How long this pod waits to hear its own signal.
OWN_SIGNAL_SECONDS: Final = 1.0


class BrokerManager(LocalManager):
    """A python-socketio client manager over a `Broker`; see there for order and loss.

    A broker's room is subscribed to while this pod has members in it. Where the stock Redis manager logs and drops,
    emits raise `RedisUnavailable`. Callbacks are for one session, as python-socketio documents.
    """

    def __init__(
        self, broker: Broker, pod_id: str, clock: Clock, metrics: Metrics, tracing: Tracing = NO_TRACING
    ) -> None:
        super().__init__()
        self._broker = broker
        self._pod_id = pod_id
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing
        self._awaited_acks: OrderedDict[int, Callback] = OrderedDict()
        self._ack_ids = itertools.count(1)
        self._own_emits_under_way = 0
        self._own_emits_heard = asyncio.Event()
        self._waiting: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(MAX_WAITING_TASKS)
        self._running = asyncio.Semaphore(MAX_RUNNING_TASKS)

    async def run(self) -> None:
        """Carry out what other pods ask for. Runs until cancelled."""
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
        assert self._engine is not None
        members = self._namespaces.get(DEFAULT_NAMESPACE)
        if members is None:
            return
        outbox, now_ms, written = self._engine.outbox, self._clock.wall_ms(), 0
        for delivery in deliveries:
            if holds := members.holds(delivery):
                held = Held(delivery, self._broker.cursor_at(delivery))
                for hold in holds:
                    hold.keep(held)
            listeners = members.listeners(delivery)
            if listeners is None:
                continue
            plain, placed = listeners
            if plain.connections:
                outbox.put(plain, text_frame(delivery.packet), delivery.conflation_key)
            if placed.connections:
                frame = text_frame(placed_packet(delivery.packet, self._broker.cursor_at(delivery)))
                outbox.put(placed, frame, delivery.conflation_key)
            if heard := len(plain.connections) + len(placed.connections):
                written += heard
                note_lateness(self._metrics, delivery, now_ms)
                if delivery.traceparent is not None:
                    trace_delivery(self._tracing, delivery.room, delivery.traceparent, heard)
        self._metrics.deliveries.inc(written)

    def on_gap(self, rooms: Collection[str]) -> None:
        """Send the members away: when they come back, they are told what cannot be had any more."""
        for room in rooms:
            for sid, eio_sid in list(self.get_participants(DEFAULT_NAMESPACE, room)):
                log.info("closed_for_a_gap", session=sid)
                self._send_away(eio_sid, Reason.HISTORY_GAP, "Messages were lost.")

    def _send_away(self, eio_sid: str | None, reason: str, text: str) -> None:
        # Not by a DISCONNECT packet: who hears that does not come back by itself.
        connection = self._engine.connections.get(eio_sid) if self._engine is not None and eio_sid else None
        if connection is not None:
            connection.close(reason, frames.TRY_AGAIN_LATER, text)

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
            case Supersede():
                self._send_away(self.eio_sid_from_sid(signal.sid, DEFAULT_NAMESPACE), Reason.SUPERSEDED, SUPERSEDED)
            case Disconnect():
                self._later(partial(self.server.disconnect, signal.sid, signal.namespace, ignore_queue=True))

    def _write_emit(self, emit: Emit) -> None:
        if emit.reply_to is not None:
            if emit.room is not None and self.is_connected(emit.room, emit.namespace):
                reply = partial(self._reply, emit.origin, emit.room, emit.namespace, emit.reply_to)
                self.ask_here(emit.namespace, emit.room, join_packet(emit.text.decode(), emit.attachments), reply)
            return
        if self._own_emits_under_way and emit.origin == self._pod_id and pod_of(emit.room) is None:
            self._own_emits_under_way -= 1
            if not self._own_emits_under_way:
                self._own_emits_heard.set()
        audience = self.audience(emit.namespace, emit.room, emit.except_rooms, emit.skip_sids)
        self._metrics.deliveries.inc(len(audience))
        self.write(audience, emit.text, emit.attachments)

    async def _answer(self, reply: Reply) -> None:
        callback = self._awaited_acks.pop(reply.ack_id, None)
        if callback is not None:
            result = callback(*join_packet(reply.text, reply.attachments))
            if asyncio.iscoroutine(result):
                await result

    async def _subscribe_for(self, signal: EnterRoom, is_here: bool) -> None:
        # Unless it has left the room meanwhile; then nobody would let go of the subscription.
        if is_here and signal.room in self.get_rooms(signal.sid, signal.namespace):
            await self._broker.subscribe([broker_room(signal.namespace, signal.room)])
        await self._reply(signal.origin, signal.sid, signal.namespace, signal.reply_to)

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
        try:
            await self._broker.signal_pod(origin, encode_signal(reply))
        except RedisUnavailable as error:
            log.warning("reply_lost", error=str(error))  # who asked gives up by itself

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
        rooms: tuple[Any, ...] = (room,) if room is None or isinstance(room, str) else tuple(room)
        except_sids: tuple[str, ...] = (skip_sid,) if isinstance(skip_sid, str) else tuple(skip_sid or ())
        name_and_arguments = [event, *data] if isinstance(data, tuple) else [event] if data is None else [event, data]
        is_here = pod_of(room) is not None and self._is_here(room, namespace)
        if ignore_queue or is_here:
            if is_here and not ignore_queue:
                await self._until_own_emits_are_heard()
            if callback is None:
                self.emit_here(namespace, rooms, name_and_arguments, except_sids)
            else:
                for sid, _eio_sid in list(self.get_participants(namespace, room)):
                    self.ask_here(namespace, sid, name_and_arguments, callback)
            return
        if callback is not None and (len(rooms) != 1 or pod_of(rooms[0]) is None):
            raise ValueError("A callback can be asked of one session only.")
        text, attachments = encode_event(namespace, name_and_arguments)
        reply_to = None if callback is None else self._await_ack(callback)
        for number, one in enumerate(rooms):
            signal = Emit(self._pod_id, namespace, one, text, attachments, rooms[:number], except_sids, reply_to)
            await self._send(namespace, one, encode_signal(signal))

    async def _send(self, namespace: str, room: str | None, signal: bytes) -> None:
        pod_id = pod_of(room)
        if pod_id is None and self.has_members(room, namespace):
            self._own_emits_under_way += 1
            self._own_emits_heard.clear()
        if room is None:
            await self._broker.signal_all(signal)
        elif pod_id is not None:
            await self._broker.signal_pod(pod_id, signal)
        else:
            await self._broker.signal_room(broker_room(namespace, room), signal)

    async def _until_own_emits_are_heard(self) -> None:
        # What goes to a session of this pod at once would overtake what this pod has emitted to its room before.
        if self._own_emits_under_way:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OWN_SIGNAL_SECONDS):
                    await self._own_emits_heard.wait()
            self._own_emits_under_way = 0  # one that is not heard by now was lost in a deaf moment

    def _await_ack(self, callback: Callback) -> int:
        ack_id = next(self._ack_ids)
        self._awaited_acks[ack_id] = callback
        if len(self._awaited_acks) > MAX_AWAITED_ACKS:
            self._awaited_acks.popitem(last=False)
        return ack_id

    # -- what python-socketio asks: connecting and disconnecting ----------------------------------------------------

    def is_here(self, sid: str) -> bool:
        """Whether a session is on this pod, and not leaving."""
        return self._is_here(sid, DEFAULT_NAMESPACE)

    def _is_here(self, sid: str, namespace: str) -> bool:
        member = self._member(sid, namespace)
        return member is not None and member.stage is not Stage.LEAVING

    async def can_disconnect(self, sid: str, namespace: str) -> bool:
        """Whether the session is on this pod; if not, its pod is asked to disconnect it."""
        if self._is_here(sid, namespace):
            return bool(self.is_connected(sid, namespace))
        pod_id = pod_of(sid)
        if pod_id is not None:
            signal = Disconnect(origin=self._pod_id, sid=sid, namespace=namespace)
            await self._broker.signal_pod(pod_id, encode_signal(signal))
        return False

    async def supersede(self, sid: str) -> None:
        """Close a session, on whatever pod it is, whose client has come back as another one."""
        pod_id = pod_of(sid)
        if self._is_here(sid, DEFAULT_NAMESPACE):
            self._send_away(self.eio_sid_from_sid(sid, DEFAULT_NAMESPACE), Reason.SUPERSEDED, SUPERSEDED)
        elif pod_id is not None and pod_id != self._pod_id:
            await self._broker.signal_pod(pod_id, encode_signal(Supersede(origin=self._pod_id, sid=sid)))

    # -- what python-socketio asks: rooms ---------------------------------------------------------------------------

    async def enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:  # noqa: ARG002
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
        await self.enter_rooms(sid, namespace, [room])

    async def enter_rooms(self, sid: str, namespace: str, rooms: Collection[str]) -> None:
        """Put a session of this pod into all of the rooms, with one subscription, or at an error into none of them."""
        before = self.get_rooms(sid, namespace)
        try:
            for room in rooms:
                self.basic_enter_room(sid, namespace, room)
            await self._broker.subscribe([broker_room(namespace, room) for room in rooms])
        except BaseException:
            for room in rooms:
                if room not in before:
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
            if self.has_members(room, namespace):  # then this pod hears it, too
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(OWN_SIGNAL_SECONDS):
                        await closed.wait()
        finally:
            self._awaited_acks.pop(ack_id, None)
        self.basic_close_room(room, namespace)  # if it was deaf at that moment

    def on_room_emptied(self, namespace: str, room: str) -> None:
        """Let go of the broker's room with the last of its members."""
        self._broker.unsubscribe([broker_room(namespace, room)])


def broker_room(namespace: str, room: str) -> str:
    """Name a namespace's room for the broker; rooms of the default namespace keep their names."""
    if namespace == DEFAULT_NAMESPACE and not room.startswith("/"):
        return room
    return f"{namespace}#{room}"
