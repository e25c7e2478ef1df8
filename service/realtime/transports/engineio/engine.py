"""All connections of a pod, and what they share."""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import orjson
import structlog

from realtime.limits.admission import AdmissionQueue
from realtime.settings import HttpSettings, SocketSettings
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio import frames, packets
from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.frames import FrameReader, ProtocolViolation
from realtime.transports.engineio.handshake import Problem, Refused
from realtime.transports.engineio.hub import GOODBYE_SECONDS, Reason, State
from realtime.transports.engineio.outbox import Outbox
from realtime.transports.engineio.probe import UPGRADE_SECONDS
from realtime.transports.engineio.wheel import Item, Wheel

log = structlog.get_logger(__name__)

# The first ping comes after a part of the interval, so that those who came together are not pinged together.
FIRST_PING: Final = (0.5, 0.9)
# A deadline is met to a twentieth of a ping's.
TICKS_PER_PING: Final = 20
LONGEST_TICK_SECONDS: Final = 1.0
# Of those who come or go, how many are served in one turn of the event loop.
PATIENT_PER_TURN: Final = 8
# Of those who have not said who they are in time.
CLOSED_PER_TURN: Final = 100
# Of all, to count what waits for them: half a millisecond's work.
LOOKED_AT_PER_TURN: Final = 2_000
SHUTDOWN_CHECK_SECONDS: Final = 0.02


@dataclass(slots=True)
class _Stranger:
    """A connection that has not said yet who it is.

    `until`: when it must have; `asked_at`: when it did, else None. `waited_seconds`: for its turn to be opened.
    """

    until: float
    waited_seconds: float = 0.0
    asked_at: float | None = None


class Application(Protocol):
    """What the messages are for."""

    def on_open(self, connection: Connection, environ: dict[str, Any]) -> None:
        """A connection is there; messages follow."""
        ...

    async def on_message(self, connection: Connection, message: str | bytes) -> None:
        """Handle a message; one at a time for each connection. Raises `ProtocolViolation`, which closes it."""
        ...

    async def on_close(self, connection: Connection, reason: str) -> None:
        """A connection has ended; called once, behind the last `on_message`."""
        ...

    def on_slow(self, connection: Connection) -> None:
        """More waits for the client than may, and has been dropped; close it."""
        ...


class Engine:
    """See `hub.Hub`."""

    def __init__(
        self,
        path: str,
        http: HttpSettings,
        settings: SocketSettings,
        max_connections: int,
        max_strangers: int,
        new_id: Callable[[], str],
        metrics: Metrics,
        handshakes: AdmissionQueue | None = None,
    ) -> None:
        """`handshakes` says whether one more may begin at this moment, or when; None: always."""
        self.path = f"/{path}/"
        self.http = http
        self.settings = settings
        self.connections: dict[str, Connection] = {}
        self.outbox = Outbox()
        self.is_draining = False
        self.flush = self.outbox.flush
        self.wheel_slot: set[Item] | None = None
        pings = (settings.ping_interval_seconds, settings.ping_timeout_seconds)
        self.wheel = Wheel(
            min(LONGEST_TICK_SECONDS, min(pings) / TICKS_PER_PING),
            max(*pings, UPGRADE_SECONDS, GOODBYE_SECONDS, http.request_timeout_seconds),
        )
        self._application: Application | None = None
        self._max_connections = max_connections
        self._handshakes = handshakes
        self._new_id = new_id
        self._metrics = metrics
        start_at_zero(metrics.refused_requests, [problem.name.lower() for problem in Problem])
        # Who is called when a client has heard all, and whether the ping that shows it has been sent.
        self._awaited_pongs: dict[Connection, tuple[Callable[[], None], bool]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._patient: deque[Coroutine[Any, Any, None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._max_strangers = max_strangers
        # Not admitted yet; the oldest first. A plain dict is slow at losing its first.
        self._strangers: OrderedDict[Connection, _Stranger] = OrderedDict()

    def attach(self, application: Application) -> None:
        """Say what the messages are for, before the first connection."""
        self._application = application

    # -- opening ----------------------------------------------------------------------------------------------------

    def queue(self) -> asyncio.Future[None] | None:
        """Ask for a handshake's turn: now (None), or when the future is done. Raises `Refused`."""
        self._check_room()
        try:
            return None if self._handshakes is None else self._handshakes.enter()
        except asyncio.QueueFull:
            raise Refused(Problem.TOO_MANY_HANDSHAKES) from None

    def take_nobody_in(self) -> None:
        """Refuse who comes from now on, and who waits for a turn."""
        self.is_draining = True
        if self._handshakes is not None:
            self._handshakes.release()

    def _check_room(self) -> None:
        if self.is_draining:
            raise Refused(Problem.DRAINING)
        if len(self.connections) >= self._max_connections or len(self._strangers) >= self._max_strangers:
            raise Refused(Problem.FULL)

    def open(self, environ: dict[str, Any], waited_seconds: float = 0.0) -> Connection:
        """Make a connection, on polling, for whom `queue` has let in, after some wait. Raises `Refused`."""
        self._check_room()
        connection = Connection(self, self._new_id())
        self.connections[connection.sid] = connection
        self.estrange(connection, waited_seconds)
        part = random.uniform(*FIRST_PING)  # noqa: S311 - jitter, not a secret
        connection.expect_ping_in(part * self.settings.ping_interval_seconds)
        assert self._application is not None
        self._application.on_open(connection, environ)
        return connection

    def open_packet(self, connection: Connection, upgrades: list[str]) -> bytes:
        """The frame that tells the client its session."""
        session = {
            "sid": connection.sid,
            "upgrades": upgrades,
            "pingInterval": int(self.settings.ping_interval_seconds * 1_000),
            "pingTimeout": int(self.settings.ping_timeout_seconds * 1_000),
            "maxPayload": self.settings.message_max_bytes,
        }
        return frames.encode_frame(frames.TEXT, packets.OPEN.encode() + orjson.dumps(session))

    def new_reader(self) -> FrameReader:
        """Make what reads a websocket."""
        return FrameReader(self.settings.message_max_bytes)

    def find(self, sid: str) -> Connection:
        """A connection that requests may still come for. Raises `Refused`."""
        connection = self.connections.get(sid)
        if connection is None:
            raise Refused(Problem.UNKNOWN_SID)
        return connection

    def admit(self, connection: Connection) -> None:
        """The application knows who it is, and has told it so: it may stay."""
        stranger = self._strangers.pop(connection, None)
        if stranger is not None and stranger.asked_at is not None:
            answered_in_seconds = self._running_loop().time() - stranger.asked_at
            self._metrics.handshakes.observe(stranger.waited_seconds + answered_in_seconds)

    async def waiting_bytes(self) -> int:
        """What waits for all clients. They are looked at in pieces, so that nobody waits for that."""
        connections, waiting = list(self.connections.values()), 0
        for start in range(0, len(connections), LOOKED_AT_PER_TURN):
            waiting += sum(connection.waiting_bytes for connection in connections[start : start + LOOKED_AT_PER_TURN])
            await asyncio.sleep(0)
        return waiting

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        # Asked for once: Python 3.11 makes a system call, getpid(), to answer.
        self._loop = self._loop or asyncio.get_running_loop()
        return self._loop

    def estrange(self, connection: Connection, waited_seconds: float = 0.0) -> None:
        """Nobody knows who it is, or what it stays for: it has some time to say so."""
        if connection not in self._strangers:
            until = self._running_loop().time() + self.settings.connect_timeout_seconds
            self._strangers[connection] = _Stranger(until, waited_seconds)
            if self.wheel_slot is None:
                self.wheel.arm(self, LONGEST_TICK_SECONDS)

    def refused(self, problem: Problem) -> None:
        """Count a request that was not served."""
        self._metrics.refused_requests.labels(problem.name.lower()).inc()

    def on_due(self) -> None:
        """The wheel: close who has not said in time what it came for."""
        loop = self._running_loop()
        for _ in range(CLOSED_PER_TURN):
            if not self._strangers:
                return
            connection, stranger = next(iter(self._strangers.items()))
            if stranger.until > loop.time():
                self.wheel.arm(self, LONGEST_TICK_SECONDS)
                return
            if not connection.is_answered:  # it is we who are late
                stranger.until = loop.time() + self.settings.connect_timeout_seconds
                self._strangers.move_to_end(connection)
                continue
            del self._strangers[connection]
            connection.close(Reason.SERVER_DISCONNECT, frames.POLICY_VIOLATION, "No CONNECT came in time.")
        loop.call_soon(self.on_due)

    async def shutdown(self) -> None:
        """Take nobody in, and close all, so that clients go to another pod; returns soon, however slow they are."""
        self.take_nobody_in()
        for connection in list(self.connections.values()):
            connection.close(Reason.SERVER_DISCONNECT, frames.SERVICE_RESTART)
        until = self._running_loop().time() + GOODBYE_SECONDS
        # Not an event, which each connection would have to set at its end.
        while (self.connections or self._tasks or self._patient) and self._running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(SHUTDOWN_CHECK_SECONDS)

    # -- what connections ask (`Hub`) -------------------------------------------------------------------------------

    def pace_changed(self) -> None:
        """See `Hub`."""
        self.outbox.pace += 1

    def start(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        """See `Hub`. Thousands that come or go at once wait for one another, so that those who stay do not."""
        stranger = self._strangers.get(connection)
        if connection.is_open and stranger is None:
            self._run(work)
            return
        if stranger is not None and stranger.asked_at is None:
            stranger.asked_at = self._running_loop().time()
        self._patient.append(work)
        if len(self._patient) == 1:
            self._running_loop().call_soon(self._run_patient)

    def _run_patient(self) -> None:
        for _ in range(min(PATIENT_PER_TURN, len(self._patient))):
            self._run(self._patient.popleft())
        if self._patient:
            self._running_loop().call_soon(self._run_patient)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, connection: Connection) -> None:
        """See `Hub`."""
        self._strangers.pop(connection, None)
        self._awaited_pongs.pop(connection, None)
        self.connections.pop(connection.sid, None)

    def when_heard(self, connection: Connection, then: Callable[[], None]) -> None:
        """Call back once, when the client has heard all that was written to it so far; never, if it goes before.

        Who waits for that already waits with it. That bytes were taken by the network says nothing; that a ping behind
        them is answered does.
        """
        self.flush()
        if not connection.is_heard:
            return
        earlier = self._awaited_pongs.get(connection)
        if earlier is not None:
            then = partial(_call_both, earlier[0], then)
        may_ping = not connection.awaits_pong  # else the next answer is to a ping before
        self._awaited_pongs[connection] = then, may_ping
        if may_ping:
            connection.ping()

    def on_pong(self, connection: Connection) -> None:
        """See `Hub`."""
        if connection not in self._awaited_pongs:
            return
        then, was_asked = self._awaited_pongs.pop(connection)
        if was_asked:
            then()
        else:
            self.when_heard(connection, then)

    async def on_message(self, connection: Connection, message: str | bytes) -> None:
        """See `Hub`."""
        assert self._application is not None
        try:
            await self._application.on_message(connection, message)
        except ProtocolViolation:
            raise  # not a bug: the connection closes itself, and is counted there
        except Exception:
            log.exception("message_failed")
            self._metrics.bugs.labels("message").inc()

    async def on_close(self, connection: Connection, reason: str) -> None:
        """See `Hub`."""
        assert self._application is not None
        try:
            await self._application.on_close(connection, reason)
        except Exception:
            log.exception("close_failed")
            self._metrics.bugs.labels("close").inc()

    def on_violation(self) -> None:
        """See `Hub`."""
        self._metrics.protocol_violations.inc()

    def on_conflated(self) -> None:
        """See `Hub`."""
        self._metrics.conflations.inc()

    def on_slow(self, connection: Connection) -> None:
        """See `Hub`."""
        assert self._application is not None
        self._metrics.slow_consumers_closed.inc()
        self._application.on_slow(connection)
        assert connection.state is not State.OPEN


def _call_both(first: Callable[[], None], second: Callable[[], None]) -> None:
    first()
    second()
