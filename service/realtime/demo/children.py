"""Child processes that never outlive the demo: not its end, not Ctrl-C, not its own sudden death."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from realtime.demo.errors import DemoFailed

# Short against what a person notices, long against what a look costs.
LOOK_SECONDS: Final = 0.02
STOP_TIMEOUT_SECONDS: Final = 10.0
LOG_TAIL_LINES: Final = 8
LOG_TAIL_BYTES: Final = 16_384

# Linux alone: before it becomes the child, the process asks the kernel to kill it when its parent dies
# (prctl(2), PR_SET_PDEATHSIG = 1; kept across exec). A parent that has died before that is seen by its id.
_TETHER: Final = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
os.getppid() == int(sys.argv[1]) or sys.exit("the demo has died")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Child:
    """One process, its name and its log."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; fine when it has ended already."""
        self._process.send_signal(number)

    def report(self) -> str:
        """How it ended, if it has, and the last lines that it wrote."""
        code = self._process.poll()
        if code is None:
            how = "is still running"
        elif code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = f"ended by itself with exit code {code}"
        return f"{self.name} (pid {self.pid}) {how}. The end of its log:\n{self.log_tail()}"

    def log_tail(self) -> str:
        """The last lines that it wrote, indented."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - LOG_TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(f"    | {line}" for line in lines) or "    | (nothing)"


class Children:
    """A group of processes that end together, when the `async with` block is left, in whatever way."""

    def __init__(self, log_directory: Path) -> None:
        self._log_directory = log_directory
        self._children: list[Child] = []
        self._ended: list[Child] = []

    def spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start a process. Call it from the main thread: on Linux a child ends with the thread that started it."""
        log_path = self._log_directory / f"{name}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                [*_tether(), *command],
                env=environment,
                cwd=self._log_directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to the demo alone, which ends its children in order.
                start_new_session=True,
            )
        child = Child(name, process, log_path)
        self._children.append(child)
        return child

    async def until_ready(self, child: Child, is_ready: Callable[[], Awaitable[bool]], timeout_seconds: float) -> None:
        """Wait until a child answers. Raises `DemoFailed` when it ends instead, or takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while not await is_ready():
            if not child.is_running:
                raise DemoFailed(child.report())
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"{child.name} is not ready after {timeout_seconds:g} s. The end of its log:\n{child.log_tail()}"
                )
            await asyncio.sleep(LOOK_SECONDS)

    @property
    def running(self) -> list[Child]:
        """Those that have not ended."""
        return [child for child in self._children if child.is_running]

    async def next_to_end(self) -> Child:
        """Wait until a child ends that nobody has asked to; each is told once."""
        while True:
            for child in self._children:
                if not child.is_running and child not in self._ended:
                    self._ended.append(child)
                    return child
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Ask all to end, and make those that do not within ten seconds. Interrupted, it makes all end at once."""
        try:
            self._signal(signal.SIGTERM)
            deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
            while self.running and time.monotonic() < deadline:  # noqa: ASYNC110 - processes set no event
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._signal(signal.SIGKILL)
            while self.running:
                # Not to be interrupted: the kernel has been told, and takes milliseconds.
                time.sleep(LOOK_SECONDS)  # noqa: ASYNC251

    def _signal(self, number: signal.Signals) -> None:
        for child in self.running:
            child.signal(number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _tether() -> list[str]:
    if not sys.platform.startswith("linux"):
        return []
    return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid())]
