"""What became of each alert, as Prometheus holds it and as the webhook was told; times are seconds from the fault."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

FIRING: Final = "firing"
PENDING: Final = "pending"
RESOLVED: Final = "resolved"
GONE: Final = ""


@dataclass
class AlertHistory:
    """One alert, whatever its labels: fires while one of them does. `changes` are (when, state)."""

    name: str
    changes: list[tuple[float, str]] = field(default_factory=list)
    notified: list[tuple[float, str]] = field(default_factory=list)  # when the webhook was told, and what

    @property
    def state_before(self) -> str:
        """What it was when the fault began."""
        return next((state for at, state in reversed(self.changes) if at <= 0), GONE)

    @property
    def state(self) -> str:
        """What it is now."""
        return self.changes[-1][1] if self.changes else GONE

    def first(self, state: str) -> float | None:
        """When it first was."""
        return next((at for at, was in self.changes if was == state), None)

    @property
    def resolved_at(self) -> float | None:
        """When it was over for good; None while it is not, or where it never fired."""
        return self.changes[-1][0] if self.first(FIRING) is not None and self.state == GONE else None

    def told_at(self, status: str) -> float | None:
        """When the webhook was first told so."""
        return next((at for at, what in self.notified if what == status), None)

    def spans(self, state: str, until: float) -> list[tuple[float, float]]:
        """From when to when it was so."""
        ends = [*(at for at, _ in self.changes[1:]), until]
        return [(at, end) for (at, was), end in zip(self.changes, ends, strict=True) if was == state]


class AlertWatch:
    """Writes down what changes; `see` returns what has, for who watches."""

    def __init__(self) -> None:
        self.histories: dict[str, AlertHistory] = {}

    def see(self, at: float, held: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Take all alerts (name, state) that Prometheus holds now."""
        now: dict[str, str] = {}
        for name, state in held:
            now[name] = FIRING if FIRING in {state, now.get(name)} else PENDING
        changed = []
        for name in sorted({*now, *self.histories}):
            history = self.histories.setdefault(name, AlertHistory(name))
            state = now.get(name, GONE)
            if state != history.state:
                history.changes.append((at, state))
                changed.append((name, state))
        return changed

    def notified(self, at: float, name: str, status: str) -> bool:
        """The webhook has been told; whether that is news: it is told of a whole group when one of it changes."""
        history = self.histories.setdefault(name, AlertHistory(name))
        if history.notified and history.notified[-1][1] == status:
            return False
        history.notified.append((at, status))
        return True

    def of(self, name: str) -> AlertHistory:
        """One alert, be it that nothing was ever heard of it."""
        return self.histories.get(name, AlertHistory(name))
