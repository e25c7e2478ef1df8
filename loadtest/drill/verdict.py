"""What stayed silent although it must tell, and what did not end; pure."""

from collections.abc import Mapping

from drill.alerts import FIRING, GONE, RESOLVED, AlertWatch
from drill.calm import Told
from drill.expectations import Expectations, ExpectedAlert, ExpectedPanel


def silent(expected: Expectations, watch: AlertWatch, panels: Mapping[str, Told | None], mended: float) -> list[str]:
    """Say what did not do what the table says; `mended` is when the fault was over."""
    problems = [problem for alert in expected.alerts for problem in _of_alert(alert, watch, mended)]
    return problems + [problem for panel in expected.panels for problem in _of_panel(panel, panels)]


def _of_alert(expected: ExpectedAlert, watch: AlertWatch, mended: float) -> list[str]:
    history, name = watch.of(expected.name), expected.name
    came = history.first(expected.state)
    if came is None:
        return [f"{name} was never {expected.state}"]
    problems = []
    if came > expected.within_seconds:
        problems.append(f"{name} was {expected.state} after {came:.0f} s, not within {expected.within_seconds:g} s")
    if expected.notifies and history.told_at(FIRING) is None:
        problems.append(f"{name} fired, but the webhook was never told")
    if history.state_before == FIRING:
        problems.append(f"{name} fired before the fault did")
    if expected.resolves_within is None:
        return problems
    if history.state != GONE:
        return [*problems, f"{name} is still {history.state} {expected.resolves_within:g} s after the fault"]
    gone = history.changes[-1][0] - mended
    if gone > expected.resolves_within:
        problems.append(f"{name} was gone {gone:.0f} s after the fault, not within {expected.resolves_within:g} s")
    if expected.notifies and history.told_at(RESOLVED) is None:
        problems.append(f"{name} is over, but the webhook was never told")
    return problems


def _of_panel(expected: ExpectedPanel, panels: Mapping[str, Told | None]) -> list[str]:
    if expected.name not in panels:
        return [f"there is no panel {expected.name}"]
    found = panels[expected.name]
    if found is None:
        return [f"panel {expected.name} told nothing"]
    if found.first > expected.within_seconds:
        return [f"panel {expected.name} told after {found.first:.0f} s, not within {expected.within_seconds:g} s"]
    return []


def is_waiting(expected: Expectations, watch: AlertWatch) -> bool:
    """Whether some alert has still to come, or to go: who watches waits for that."""
    for alert in expected.alerts:
        history = watch.of(alert.name)
        if history.first(alert.state) is None:
            return True
        if alert.resolves_within is not None and history.state != GONE:
            return True
        if alert.notifies and history.told_at(FIRING) is None:
            return True
        if alert.notifies and alert.resolves_within is not None and history.told_at(RESOLVED) is None:
            return True
    return False


def patience_seconds(expected: Expectations, hold_seconds: float, notification_seconds: float) -> float:
    """How long after the fault's beginning there can still be something to wait for; notifications come later yet."""
    waits = [alert.within_seconds for alert in expected.alerts]
    waits += [hold_seconds + alert.resolves_within for alert in expected.alerts if alert.resolves_within is not None]
    return max(waits, default=hold_seconds) + notification_seconds
