"""The command line of every tool: how it begins, where it may write, what it keeps, and how it ends.

    with begun("soak") as tool:
        need_programs("redis-server", "haproxy")
        need_descriptors(3 * clients, f"{clients:,} clients")
        found = asyncio.run(measure(tool.console, tool.directory))
        where = write_results(results, tool.header(Header, beside=[redis_name()]), found)
        tool.tell_where(where)

Exit codes: 0, all is well; 1, what is promised does not hold, or something broke; 2, it cannot begin, or a part does
not start; 130, Ctrl-C or SIGTERM.
"""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from rich.console import Console

from parts.child import DoesNotStart
from tool import kept, machine
from tool.errors import Failed, Unable

REPOSITORY: Final = Path(__file__).parents[2]
RESULTS: Final = REPOSITORY / "loadtest" / "results"
# Of what is written into a file or a pipe.
LINE_CHARACTERS: Final = 200
BROKEN: Final = 1
UNABLE: Final = 2
INTERRUPTED: Final = 130
H = TypeVar("H", bound=kept.Header)


class Tool:
    """One run of the tool that `make <name>` begins. `directory` is for its parts, and goes when it ends."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.console = Console()
        if not self.console.is_terminal:
            self.console = Console(width=LINE_CHARACTERS)
        self._started = datetime.now(UTC)
        self._began = time.monotonic()
        self._machine = machine.describe()  # before it is busy, and before this process keeps to one core

    def header(
        self, kind: type[H], *, beside: Sequence[str] = (), versions: Mapping[str, str] | None = None, **more: object
    ) -> H:
        """Say when, where and with what it took place; `beside` are the parts, `more` is what the kind has besides."""
        parts = {"beside": ", ".join(beside)} if beside else {}
        return kind(
            date=self._started,
            commit=machine.commit(REPOSITORY),
            command=kept.command(self.name),
            seconds=time.monotonic() - self._began,
            machine=self._machine,
            versions=machine.versions() | dict(versions or {}) | parts,
            **more,
        )

    def tell_where(self, where: Path) -> None:
        """Say where the results are."""
        kept.print_where(self.console, where)


@contextmanager
def begun(name: str, *refusals: type[Exception]) -> Iterator[Tool]:
    """Begin a tool, and end it with one line where there is nothing more to say; a bug is told with its traceback.

    `Unable`, those of `refusals`, and a part that does not start end it with 2; `Failed`, and what was waited for in
    vain, with 1. Parts must be ended by those who started them, also on the way out.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"realtime-{name}-"))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        yield Tool(name, directory)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except Exception as raised:
        error = _first(raised)
        if isinstance(error, (Unable, DoesNotStart, *refusals)):
            code = UNABLE
        elif isinstance(error, Failed) or (isinstance(error, AssertionError) and error.args):
            code = BROKEN
        else:
            raise
        print("\n".join([f"{name}: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        raise SystemExit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        shutil.rmtree(directory, ignore_errors=True)


def _as_ctrl_c(*_: object) -> None:
    """What is known by then is kept also where a CI cancels a run, or `timeout` does."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells have it for what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)


def chosen(names: str, known: Sequence[str]) -> list[str]:
    """Read an option that names some of what there is, by commas; all without. Raises `Unable`."""
    wanted = [name.strip() for name in names.split(",") if name.strip()] or list(known)
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise Unable(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in wanted]


def _first(error: Exception) -> Exception:
    """What a `TaskGroup` was ended by."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
