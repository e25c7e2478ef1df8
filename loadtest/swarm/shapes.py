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


@dataclass(frozen=True)
class Moment:
    """`users` there should be, so many more or fewer a second; producers send `events` times as much as usual."""

    users: int
    per_second: float
    events: float = 1.0
    storms: int = 0  # that have been until now


Shape = Callable[[float, int, float], Moment]


def plateau(part: float, users: int, per_second: float) -> Moment:
    """All come as fast as they may, and stay."""
    del part
    return Moment(users, per_second)


def ramp(part: float, users: int, per_second: float) -> Moment:
    """Ever more, evenly, for the first 60 % of the time."""
    return Moment(max(1, round(users * min(part / RAMP_UP, 1.0))), per_second)


def flash_sale(part: float, users: int, per_second: float) -> Moment:
    """A third of the people; then all at once, and five times the events; then a third again."""
    is_sale = SALE_BEGINS <= part < SALE_BEGINS + SALE_LASTS
    few = max(1, round(users / SALE_PEOPLE))
    return Moment(users if is_sale else few, per_second, SALE_EVENTS if is_sale else 1.0)


def reconnect_storm(part: float, users: int, per_second: float) -> Moment:
    """Twice all connections break at once, and everybody comes back as the stock client does."""
    return Moment(users, per_second, storms=sum(part >= storm for storm in STORMS))


SHAPES: Final[dict[str, Shape]] = {
    "plateau": plateau,
    "ramp": ramp,
    "flash-sale": flash_sale,
    "reconnect-storm": reconnect_storm,
}
