"""What the drill must find silent, late or without an end, and what it must let pass."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from drill.__main__ import RULES
from drill.alerts import FIRING, PENDING, RESOLVED, AlertWatch
from drill.calm import Told
from drill.expectations import EXPECTED, Expectations, ExpectedAlert, ExpectedPanel
from drill.verdict import is_waiting, patience_seconds, silent

MENDED = 60.0
ALERT = ExpectedAlert("Away", within_seconds=45, resolves_within=30)
PANEL = ExpectedPanel("redis: Heard", within_seconds=20)
TOLD = Told(first=12.0, last=70.0, why="left its range", calm="0 to 1", then="60")


def watched(*changes: tuple[float, str], webhook: bool = True) -> AlertWatch:
    """Away was so and so from then on."""
    watch = AlertWatch()
    for at, state in changes:
        watch.see(at, [("Away", state)] if state else [])
    if webhook:
        watch.notified(40.0, "Away", FIRING)
        watch.notified(90.0, "Away", RESOLVED)
    return watch


GOOD = watched((15, PENDING), (30, FIRING), (80, ""))


def problems(watch: AlertWatch, panel: Told | None = TOLD, alert: ExpectedAlert = ALERT) -> list[str]:
    return silent(Expectations([alert], [PANEL]), watch, {PANEL.name: panel}, MENDED)


def test_who_tells_in_time_and_ends_is_let_pass() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("watch", "told"),
    [
        (AlertWatch(), "Away was never firing"),
        (watched((15, PENDING), (70, "")), "Away was never firing"),
        (watched((15, PENDING), (50, FIRING), (80, "")), "Away was firing after 50 s, not within 45 s"),
        (watched((30, FIRING)), "Away is still firing 30 s after the fault"),
        (watched((30, FIRING), (80, ""), (85, PENDING)), "Away is still pending 30 s after the fault"),
        (watched((30, FIRING), (100, "")), "Away was gone 40 s after the fault, not within 30 s"),
    ],
)
def test_an_alert_that_is_silent_late_or_without_end_is_found(watch: AlertWatch, told: str) -> None:
    assert problems(watch) == [told]


def test_what_nobody_is_told_of_is_found_unless_its_cause_silences_it() -> None:
    untold = watched((30, FIRING), (80, ""), webhook=False)
    assert problems(untold) == [
        "Away fired, but the webhook was never told",
        "Away is over, but the webhook was never told",
    ]
    assert problems(untold, alert=replace(ALERT, notifies=False)) == []


def test_one_that_fired_before_the_fault_says_nothing() -> None:
    assert problems(watched((0, FIRING), (80, ""))) == ["Away fired before the fault did"]


def test_one_that_looks_back_for_long_need_not_end_and_one_that_only_waits_need_not_fire() -> None:
    assert problems(watched((30, FIRING)), alert=replace(ALERT, resolves_within=None)) == []
    pending = watched((30, PENDING), (80, ""), webhook=False)
    assert problems(pending, alert=replace(ALERT, state=PENDING, notifies=False)) == []


@pytest.mark.parametrize(
    ("panel", "told"),
    [
        (None, "panel redis: Heard told nothing"),
        (replace(TOLD, first=25.0), "panel redis: Heard told after 25 s, not within 20 s"),
    ],
)
def test_a_panel_that_is_silent_or_late_is_found(panel: Told | None, told: str) -> None:
    assert problems(GOOD, panel) == [told]


def test_a_panel_that_does_not_exist_is_found() -> None:
    assert silent(Expectations([], [PANEL]), GOOD, {}, MENDED) == ["there is no panel redis: Heard"]


def test_it_waits_until_all_has_come_and_gone() -> None:
    expected = Expectations([ALERT], [])
    assert is_waiting(expected, watched((15, PENDING)))
    assert is_waiting(expected, watched((30, FIRING)))
    assert is_waiting(expected, watched((30, FIRING), (80, ""), webhook=False))
    assert not is_waiting(expected, GOOD)
    assert patience_seconds(expected, hold_seconds=60, notification_seconds=7) == 97
    assert patience_seconds(Expectations([replace(ALERT, within_seconds=300)], []), 60, 7) == 307


def test_an_alert_with_many_labels_is_as_the_worst_of_them() -> None:
    watch = AlertWatch()
    assert watch.see(1, [("A", PENDING), ("A", FIRING)]) == [("A", FIRING)]
    assert watch.see(2, [("A", PENDING)]) == [("A", PENDING)]
    assert watch.see(3, [("A", PENDING)]) == []
    assert watch.see(4, []) == [("A", "")]
    history = watch.of("A")
    assert (history.first(FIRING), history.first(PENDING), history.resolved_at) == (1, 2, 4)
    assert history.spans(FIRING, until=10) == [(1, 2)]
    assert watch.notified(5, "A", RESOLVED)
    assert not watch.notified(6, "A", RESOLVED)
    assert history.told_at(RESOLVED) == 5


def test_the_alerts_that_must_tell_are_in_the_rules() -> None:
    rules = yaml.safe_load(Path(RULES).read_text())
    names = {rule.get("alert") for group in rules["groups"] for rule in group["rules"]}
    expected = {alert.name for expectations in EXPECTED.values() for alert in expectations.alerts}
    assert expected - names == set()
