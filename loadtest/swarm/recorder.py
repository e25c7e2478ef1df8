"""Writes the timeline of a run while Locust runs it: in the master, or where there is but one process."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import gevent
from locust.runners import MasterRunner
from locust.stats import calculate_response_time_percentile

from swarm.timeline import WINDOW_SECONDS, Entry, Failure, Judged, Second, Summary, write_second, write_summary

# Locust's texts of failures name people, of whom there are many.
FAILURES_TOLD: Final = 50
# Locust's options and ours that say what the run was. None is a secret.
TOLD: Final = ("host", "num_users", "spawn_rate", "run_time", "shape", "transport", "events_per_second")

# Of one entry: how often it took how many milliseconds, how many there were, how many failed.
Counts = tuple[Mapping[int, int], int, int]


class Recorder:
    """Writes a second's line each second from `begin` until `end`, which writes the line of the whole.

    `moment` says what the shape wants now: phase and people; `connected` how many have a session.
    """

    def __init__(
        self, environment: Any, path: Path, moment: Callable[[], tuple[str, int]], connected: Callable[[], int]
    ) -> None:
        self._environment = environment
        self._moment = moment
        self._connected = connected
        self._file = path.open("w")
        self._before: deque[dict[str, Counts]] = deque(maxlen=WINDOW_SECONDS)
        self._began = time.monotonic()
        self._writing: gevent.Greenlet | None = None

    def begin(self) -> None:
        """Begin to write."""
        self._began = time.monotonic()
        self._writing = gevent.spawn(self._write)

    def stop(self) -> None:
        """Write no more seconds: the people are leaving."""
        if self._writing is not None:
            self._writing.kill()

    def end(self, thresholds: Sequence[Judged], problems: Sequence[str], exit_code: int) -> None:
        """Write what came of the whole, and close the file."""
        self.stop()
        stats, options = self._environment.stats, self._environment.parsed_options
        write_summary(
            self._file,
            Summary(
                options={name: getattr(options, name, None) for name in TOLD},
                seconds=round(time.monotonic() - self._began, 3),
                entries={name: _entry(counts, counts) for name, counts in _counts(stats).items()},
                thresholds=thresholds,
                failures=[
                    Failure(error.name, str(error.error), error.occurrences)
                    for error in sorted(stats.errors.values(), key=lambda one: -one.occurrences)[:FAILURES_TOLD]
                ],
                problems=problems,
                exit_code=exit_code,
            ),
        )
        self._file.close()

    def _write(self) -> None:
        due = self._began
        while True:
            due = max(due + 1, time.monotonic())
            gevent.sleep(due - time.monotonic())
            write_second(self._file, self._now())

    def _now(self) -> Second:
        runner = self._environment.runner
        counts = _counts(self._environment.stats)
        earliest = self._before[0] if self._before else {}
        self._before.append(counts)
        phase, wanted = self._moment()
        is_master = isinstance(runner, MasterRunner)
        workers = [one for one in runner.clients.all if one.state != "missing"] if is_master else []
        return Second(
            at=round(time.time(), 3),
            seconds=round(time.monotonic() - self._began, 3),
            phase=phase,
            wanted=wanted,
            users=runner.user_count,
            connected=self._connected(),
            workers=len(workers) if is_master else 1,
            cpu_percent=max((one.cpu_usage for one in workers), default=0.0) if is_master else runner.current_cpu_usage,
            entries={name: _entry(now, _since(now, earliest.get(name))) for name, now in counts.items()},
        )


def _counts(stats: Any) -> dict[str, Counts]:
    return {
        name: (dict(entry.response_times), entry.num_requests, entry.num_failures)
        for (name, _), entry in stats.entries.items()
    }


def _since(now: Counts, before: Counts | None) -> Counts:
    """What has happened since; all of it where the statistics were reset meanwhile."""
    if before is None or now[1] < before[1]:
        return now
    times = {took: count - before[0].get(took, 0) for took, count in now[0].items()}
    return {took: count for took, count in times.items() if count > 0}, now[1] - before[1], now[2] - before[2]


def _entry(whole: Counts, lately: Counts) -> Entry:
    times, count, _ = lately
    p50, p95, p99 = (
        float(calculate_response_time_percentile(times, count, part)) if count else None for part in (0.5, 0.95, 0.99)
    )
    return Entry(whole[1], whole[2], p50, p95, p99)
