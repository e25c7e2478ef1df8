"""What the commands do; each returns its exit code.

0: done, be there anything to do or not; 1: failed, in whole or for some letters; 2: asked for wrongly.
"""

import io
import logging
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import uvloop

from realtime.dead_letters import display
from realtime.dead_letters.archive import open_archive
from realtime.dead_letters.errors import CommandFailed, WrongFilter
from realtime.dead_letters.filters import Filter, read_place, read_time
from realtime.dead_letters.progress import progress
from realtime.dead_letters.replay import Fate, Told, open_replayer
from realtime.errors import ConfigurationError
from realtime.settings import KafkaSettings, load_kafka_settings

# A table that is not for a terminal is not cut.
MAX_WIDTH: Final = 10_000


def list_letters(filters: Mapping[str, str | None], limit: int, *, as_json: bool) -> int:
    """Print the newest letters that match."""
    return _run(lambda: _list(load_kafka_settings(), _filter(filters), limit, as_json=as_json))


def show_letter(place: str, *, as_json: bool) -> int:
    """Print all of one letter."""
    return _run(lambda: _show(load_kafka_settings(), *read_place(place), as_json=as_json))


def replay_letters(filters: Mapping[str, str | None], limit: int | None, *, dry_run: bool) -> int:
    """Replay the letters that match, oldest records first."""
    return _run(lambda: _replay(load_kafka_settings(), _filter(filters), limit, dry_run=dry_run))


async def _list(settings: KafkaSettings, wanted: Filter, limit: int, *, as_json: bool) -> int:
    with progress("reading") as on_read:
        async with open_archive(settings) as archive:
            found = await archive.find(wanted, limit, on_read)
    if as_json:
        for letter in found.letters:
            print(display.as_json(letter, found.replay_of(letter)))
    elif found.letters:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else MAX_WIDTH
        for line in display.table(found, width):
            print(line)
    if not found.letters:
        _note("no letters match")
    elif found.matching > len(found.letters):
        _note(f"the newest {len(found.letters):,} of {found.matching:,} that match; --limit tells more")
    return 0


async def _show(settings: KafkaSettings, partition: int, offset: int, *, as_json: bool) -> int:
    async with open_archive(settings) as archive:
        letter = await archive.load(partition, offset)
        if letter is None:
            raise CommandFailed(f"there is no letter at {partition}:{offset} (any more)")
        found = await archive.find(Filter(since_ms=letter.at_ms), 1, lambda *_: None, with_values=False)
    replay = found.replay_of(letter)
    for line in [display.as_json(letter, replay)] if as_json else display.in_full(letter, replay):
        print(line)
    return 0


async def _replay(settings: KafkaSettings, wanted: Filter, limit: int | None, *, dry_run: bool) -> int:
    fates: Counter[Fate] = Counter()
    has_bar = sys.stderr.isatty()
    beside_the_bar: list[str] = []  # which says that it goes well, and which a line would break
    try:
        async with open_archive(settings) as archive, open_replayer(settings, archive, dry_run=dry_run) as replayer:
            with progress("reading") as on_read:
                found = await archive.find(wanted, None, on_read, with_values=False)
            with progress("replaying") as on_told:
                async for told in replayer.replay(found, limit):
                    fates[told.fate] += 1
                    on_told(fates.total(), len(found.letters))
                    if not has_bar:
                        print(_line(told, dry_run=dry_run), flush=True)
                    elif dry_run or told.fate is not Fate.REPLAYED:
                        beside_the_bar.append(_line(told, dry_run=dry_run))
    finally:
        for line in beside_the_bar:
            print(line)
        done = "would be replayed" if dry_run else "replayed"
        _note(f"{fates[Fate.REPLAYED]:,} {done}, {fates[Fate.SKIPPED]:,} skipped, {fates[Fate.FAILED]:,} failed")
    return 1 if fates[Fate.FAILED] else 0


def _line(told: Told, *, dry_run: bool) -> str:
    letter, detail = told.letter, display.printable(told.detail)
    if told.fate is Fate.REPLAYED:
        record = display.printable(str(letter.origin))
        return f"{'would replay' if dry_run else 'replayed'} {letter.place}: {record} -> {detail}"
    return f"{told.fate.value} {letter.place}: {detail}"


def _filter(filters: Mapping[str, str | None]) -> Filter:
    now_ms = time.time_ns() // 1_000_000
    return Filter(
        topic=filters["topic"],
        code=filters["code"],
        since_ms=read_time("--since", filters["since"], now_ms),
        until_ms=read_time("--until", filters["until"], now_ms),
        key=filters["key"],
        contains=filters["contains"],
    )


def _run(command: Callable[[], Coroutine[Any, Any, int]]) -> int:
    # What matters is told in one line of our own.
    for library in ("aiokafka", "asyncio"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return uvloop.run(command())
    except WrongFilter as error:
        _note(display.printable(str(error)))
        return 2
    except ConfigurationError as error:
        _note(f"mend these settings:\n{error}")
        return 2
    except CommandFailed as error:
        _note(display.printable(str(error)))
        return 1
    except KeyboardInterrupt:
        return 130


def _note(text: str) -> None:
    print(text, file=sys.stderr)
