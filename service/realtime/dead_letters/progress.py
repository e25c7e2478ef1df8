"""How far a command has come: a bar on a terminal, now and then a line elsewhere; always on standard error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import typer

SECONDS_PER_LINE: Final = 5.0


class Tell(Protocol):
    """Say how much is done, of how much."""

    def __call__(self, done: int, total: int) -> None:
        """Never goes back."""


@contextmanager
def progress(doing: str) -> Iterator[Tell]:
    """Show how far something has come, as long as it goes on."""
    if sys.stderr.isatty():
        with typer.progressbar(length=1, label=doing, file=sys.stderr) as bar:

            def advance(done: int, total: int) -> None:
                bar.length = max(1, total)
                bar.update(done - bar.pos)

            yield advance
        return
    next_line_at = time.monotonic() + SECONDS_PER_LINE

    def write(done: int, total: int) -> None:
        nonlocal next_line_at
        if time.monotonic() >= next_line_at:
            next_line_at = time.monotonic() + SECONDS_PER_LINE
            print(f"{doing}: {done:,} of {total:,}", file=sys.stderr)

    yield write
