"""What is written to connections in this turn of the event loop: put together, then written once.

The cost of a delivery is the system call, not its bytes: sixteen messages to the same sockets in one turn cost as many
calls as one. A connection receives everything in the order in which it was put here, whatever the messages' rooms are.
"""

import asyncio
from collections.abc import Iterable, Sequence

from realtime.transports.engineio.connection import Connection, Write


class Audience:
    """Connections that hear the same; never changed, so that who joins or leaves later makes no difference.

    Which of them can be written to directly is noted until one of all the pod's connections changes its pace.
    """

    __slots__ = ("_noted_at_pace", "_slow", "_writes", "connections")

    def __init__(self, connections: Iterable[Connection]) -> None:
        self.connections = tuple(connections)
        self._noted_at_pace = -1
        self._writes: Sequence[Write] = ()
        self._slow: Sequence[Connection] = ()

    def __len__(self) -> int:
        return len(self.connections)

    def split(self, pace: int) -> tuple[Sequence[Write], Sequence[Connection]]:
        """The bound `write` of each transport that takes bytes now, and the connections that do not."""
        if self._noted_at_pace != pace:
            self._noted_at_pace = pace
            self._writes = [c.write for c in self.connections if c.write is not None]
            self._slow = [c for c in self.connections if c.write is None]
        return self._writes, self._slow


class Outbox:
    """Collects frames for one turn of the loop."""

    def __init__(self) -> None:
        self.pace = 0  # counts the times that any connection became writable directly, or ceased to be
        self._runs: list[_Run] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, audience: Audience, frame: bytes, conflation_key: str | None = None) -> None:
        """Send a frame to many. It is written before the loop turns again, or with `flush`."""
        runs = self._runs
        if not runs:
            # Asked for once: Python 3.11 makes a system call, getpid(), to answer.
            self._loop = self._loop or asyncio.get_running_loop()
            self._loop.call_soon(self.flush)
        elif runs[-1].audience is audience:
            runs[-1].add(frame, conflation_key)
            return
        runs.append(_Run(audience, frame, conflation_key))

    def flush(self) -> None:
        """Write what has been put here."""
        runs, self._runs = self._runs, []
        if len(runs) == 1:
            run = runs[0]
            writes, slow = run.audience.split(self.pace)
            data = run.data()
            for write in writes:
                write(data)
            run.put_before(slow)
        elif runs:
            self._write_each(runs)

    def _write_each(self, runs: Sequence["_Run"]) -> None:
        # One write for each connection, whatever rooms it is in: A1, B1, A2 stay in this order for who is in both.
        together: dict[Connection, bytes] = {}
        for run in runs:
            data = run.data()
            for connection in run.audience.connections:
                if connection.write is None:
                    run.put_before((connection,))
                else:
                    before = together.get(connection)
                    together[connection] = data if before is None else before + data
        for connection, data in together.items():
            if connection.write is not None:
                connection.write(data)


class _Run:
    """Frames in a row that go to the same audience."""

    __slots__ = ("_conflation_keys", "_frames", "audience")

    def __init__(self, audience: Audience, frame: bytes, conflation_key: str | None) -> None:
        self.audience = audience
        self._frames = [frame]
        self._conflation_keys = [conflation_key]

    def add(self, frame: bytes, conflation_key: str | None) -> None:
        self._frames.append(frame)
        self._conflation_keys.append(conflation_key)

    def data(self) -> bytes:
        return self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)

    def put_before(self, slow: Iterable[Connection]) -> None:
        for connection in slow:
            for frame, conflation_key in zip(self._frames, self._conflation_keys, strict=True):
                connection.wait_with(frame, conflation_key)
