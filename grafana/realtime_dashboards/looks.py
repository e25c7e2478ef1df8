"""What colours and units mean. Blue tells; green is well; yellow wants a look today; red wants somebody now."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

BLUE: Final = "blue"
GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
PURPLE: Final = "purple"

# Grafana's names of units.
SHORT: Final = "short"
SHARE: Final = "percentunit"
SECONDS: Final = "s"
BYTES: Final = "bytes"
A_SECOND: Final = "ops"
DOLLARS: Final = "currencyUSD"

Level = tuple[float | None, str]


def neutral() -> Sequence[Level]:
    """A number that is neither good nor bad."""
    return [(None, BLUE)]


def good_below(look_from: float, act_from: float | None = None) -> Sequence[Level]:
    """Less is better; without `act_from` it wakes nobody."""
    return [(None, GREEN), (look_from, YELLOW), *([] if act_from is None else [(act_from, RED)])]


def bad_from(act_from: float) -> Sequence[Level]:
    """Well, or not; nothing between."""
    return [(None, GREEN), (act_from, RED)]


def good_from(look_below: float, act_below: float) -> Sequence[Level]:
    """More is better."""
    return [(None, RED), (act_below, YELLOW), (look_below, GREEN)]


def thresholds(levels: Sequence[Level]) -> build.ThresholdsConfig:
    """Build Grafana's form of levels."""
    steps = [model.Threshold(value=value, color=colour) for value, colour in levels]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def fixed(colour: str) -> build.FieldColor:
    """One colour for all series."""
    return build.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(colour)


def shades(colour: str) -> build.FieldColor:
    """Series that differ only in whose they are: shades of one colour."""
    return build.FieldColor().mode(model.FieldColorModeId.SHADES).fixed_color(colour)


def by_level() -> build.FieldColor:
    """The colour of the level that a value has reached."""
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def words(meaning: dict[int, tuple[str, str]]) -> list[model.ValueMapping]:
    """Numbers that stand for states: value -> (word, colour)."""
    results = {
        str(value): model.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(meaning.items())
    }
    return [model.ValueMap(options=results)]


BREAKER: Final = {0: ("closed", GREEN), 1: ("trying", YELLOW), 2: ("open", RED)}
ALERT: Final = {0: ("calm", GREEN), 1: ("ticket", YELLOW), 2: ("page", RED)}
