"""How many people there are, when, and what they are made to do: pure, by the seconds since the run began."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# A flash sale: so much of the time passes before it begins, and it lasts so much of it.
SALE_BEGINS, SALE_LASTS = 0.4, 0.2
SALE_PEOPLE, SALE_EVENTS = 3.0, 5.0
# A storm: all connections break at once, at these parts of the time.
STORMS: Final = (0.4, 0.7)
RAMP_UP: Final = 0.6
# A rolling restart: by then all are there.
RESTART_BEGINS: Final = 0.3
RESTART: Final = "restart"
# A hold: all come, then nobody is told anything, then they are.
HOLD_QUIET, HOLD_EVENTS = 0.65, 0.8


@dataclass(frozen=True)
class Moment:
    """`users` there should be, so many more or fewer a second; producers send `events` times as much as usual.

    `phase` is what this part of the run is called in its report.
    """

    users: int
    per_second: float
    phase: str
    events: float = 1.0
    storms: int = 0  # that have been until now


Shape = Callable[[float, int, float], Moment]


def plateau(part: float, users: int, per_second: float) -> Moment:
    """All come as fast as they may, and stay."""
    del part
    return Moment(users, per_second, "plateau")


def ramp(part: float, users: int, per_second: float) -> Moment:
    """Ever more, evenly, for the first 60 % of the time."""
    phase = "ramp" if part < RAMP_UP else "plateau"
    return Moment(max(1, round(users * min(part / RAMP_UP, 1.0))), per_second, phase)


def flash_sale(part: float, users: int, per_second: float) -> Moment:
    """A third of the people; then all at once, and five times the events; then a third again."""
    few = max(1, round(users / SALE_PEOPLE))
    if part < SALE_BEGINS:
        return Moment(few, per_second, "before the sale")
    if part < SALE_BEGINS + SALE_LASTS:
        return Moment(users, per_second, "sale", SALE_EVENTS)
    return Moment(few, per_second, "after the sale")


def reconnect_storm(part: float, users: int, per_second: float) -> Moment:
    """Twice all connections break at once, and everybody comes back as the stock client does."""
    storms = sum(part >= storm for storm in STORMS)
    return Moment(users, per_second, ("calm", "first storm", "second storm")[storms], storms=storms)


def rolling_restart(part: float, users: int, per_second: float) -> Moment:
    """A plateau that says when somebody is to restart the pods: a load test has no hand on them."""
    return Moment(users, per_second, "calm" if part < RESTART_BEGINS else RESTART)


def hold(part: float, users: int, per_second: float) -> Moment:
    """As many as a process can hold: they come evenly, are left in peace, and then are told of events."""
    if part < HOLD_QUIET:
        return Moment(max(1, round(users * min(part / RAMP_UP, 1.0))), per_second, "ramp", 0.0)
    return Moment(users, per_second, *(("quiet", 0.0) if part < HOLD_EVENTS else ("events", 1.0)))


SHAPES: Final[dict[str, Shape]] = {
    "plateau": plateau,
    "ramp": ramp,
    "flash-sale": flash_sale,
    "reconnect-storm": reconnect_storm,
    "rolling-restart": rolling_restart,
    "hold": hold,
}
