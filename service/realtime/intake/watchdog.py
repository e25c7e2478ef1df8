"""Whether a member of the consumer group can still do its work; aiokafka has no health signal of its own.

Three of its ways to hang are known: an error that the coordinator wants to tell its user waits for the user's next
fetch, and who has no partition never fetches; a coordinator or fetcher that has met an unexpected error never works
again; and after brokers have restarted a member may never join its group again (aiokafka issue 1154). What can be seen
of the last two from outside: fetches that nobody answers, and commits that fail, for a commit asks the coordinator.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from realtime.settings import KafkaSettings

# Errors that it tells in a row, one look after the other: what passes does not last that long.
MAX_FAILURES: Final = 5


class GivenUp(StrEnum):
    """Why a consumer is given up for a new one; the label of `realtime_kafka_consumer_restarts_total`."""

    NO_ASSIGNMENT = "no_assignment"  # the group has told it nothing for too long
    FAILED = "failed"  # what it says cannot be mended by waiting
    NO_FETCHES = "no_fetches"  # Kafka has not answered a fetch for too long
    NO_COMMITS = "no_commits"  # its commits have failed for too long
    HELD_UP = "held_up"  # it cannot publish, and other pods perhaps can


class Watchdog:
    """Watches one consumer after the other; `begin` says that a new one waits for its share of the partitions."""

    def __init__(self, settings: KafkaSettings, now_seconds: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now_seconds = now_seconds
        self._unassigned_since: float | None = now_seconds()
        self._uncommitted_since: float | None = None
        self._commit_waits_since: float | None = None
        self._failures = 0

    def begin(self) -> None:
        """It waits for its share: a new consumer, or one whose partitions were taken away to be given anew."""
        self._unassigned_since = self._now_seconds()
        self._uncommitted_since = self._commit_waits_since = None
        self._failures = 0

    def works(self) -> None:
        """It has no error to tell."""
        self._failures = 0

    def failed(self) -> None:
        """It has told an error."""
        self._failures += 1

    def assigned(self) -> None:
        """The group has given it its share, be it empty."""
        self._unassigned_since = None

    def committing(self) -> None:
        """There is something to commit."""
        if self._commit_waits_since is None:
            self._commit_waits_since = self._now_seconds()

    def committed(self) -> None:
        """A commit has been taken."""
        self._uncommitted_since = self._commit_waits_since = None

    def commit_waits_seconds(self) -> float:
        """How long something has been waiting to be committed."""
        return 0.0 if self._commit_waits_since is None else self._now_seconds() - self._commit_waits_since

    def commit_failed(self) -> None:
        """A commit has not been taken."""
        if self._uncommitted_since is None:
            self._uncommitted_since = self._now_seconds()

    def uncommitted_seconds(self) -> float:
        """How long all commits have failed."""
        return 0.0 if self._uncommitted_since is None else self._now_seconds() - self._uncommitted_since

    def unassigned_seconds(self) -> float:
        """How long it has been waiting for its share."""
        return 0.0 if self._unassigned_since is None else self._now_seconds() - self._unassigned_since

    def verdict(self, longest_wait_seconds: float, unanswered_seconds: float) -> GivenUp | None:
        """Whether to give it up.

        Of its partitions, `longest_wait_seconds` a batch has been waiting to be published, and for `unanswered_seconds`
        Kafka has not answered a fetch.
        """
        if self.unassigned_seconds() > self._settings.no_assignment_restart_seconds:
            return GivenUp.NO_ASSIGNMENT
        if self._failures >= MAX_FAILURES:
            return GivenUp.FAILED
        if unanswered_seconds > self._settings.unanswered_restart_seconds:
            return GivenUp.NO_FETCHES
        if self.uncommitted_seconds() > self._settings.unanswered_restart_seconds:
            return GivenUp.NO_COMMITS
        if longest_wait_seconds > self._settings.release_after_seconds:
            return GivenUp.HELD_UP
        return None
