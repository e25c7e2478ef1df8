"""A child process with a log, signals and an end: what all parts have in common."""

import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from parts.used import note
from parts.waiting import eventually

# The kernel ends the children of a test run that was itself killed, so that no broker outlives it (Linux alone).
_TOGETHER = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


class DoesNotStart(AssertionError):
    """A part does not come up; the end of its log is in the notes."""


class Child(ABC):
    """A part that runs as a process of its own. It can be started again after its end, with the same command."""

    part: str | None = None
    """What it is to a test, such as `Kafka`: the summary says which one it was."""
    start_timeout_seconds = 30.0
    stop_timeout_seconds = 30.0

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`directory` holds its files; `environment`, when given, is all that it inherits."""
        self.name = name
        self.directory = directory
        self.log = directory / "log"
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    async def is_ready(self) -> bool:
        """Ask as a client would."""

    @property
    def is_running(self) -> bool:
        """Also true while it is paused."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers; what went wrong is told with the end of its log.

        Call it from the main thread: the process ends with the thread that started it.
        """
        assert not self.is_running, f"{self.name} runs already"
        if self.part is not None:
            note(self.part, self.name)
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_TOGETHER, *self._command],
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            await eventually(self._is_ready_or_gone, self.start_timeout_seconds, f"{self.name} answers")
            assert self.is_running, f"{self.name} ended with {self._process.returncode}"
        except AssertionError as error:
            await self.kill()
            does_not_start = DoesNotStart(*error.args)
            does_not_start.add_note(f"The end of {self.log}:\n{self.log_tail()}")
            raise does_not_start from None
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> int:
        """End it as an operator would, by SIGTERM, and return its exit code."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a paused process hears SIGTERM only then
        return await self.ended()

    async def kill(self) -> None:
        """End it as a power cut would; fine when it has ended already."""
        self.signal(signal.SIGKILL)
        await self.ended()

    def pause(self) -> None:
        """Freeze it: its sockets stay open and nothing answers, as in a long garbage collection or a lost network."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.signal(signal.SIGCONT)

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines that it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    async def _is_ready_or_gone(self) -> bool:
        return not self.is_running or await self.is_ready()

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit code."""
        if self._process is None:
            return 0
        await eventually(lambda: not self.is_running, self.stop_timeout_seconds, f"{self.name} ends")
        return self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, and wait for nothing."""
        if self._process is not None:
            self._process.send_signal(number)
