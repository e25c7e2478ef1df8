"""What is printed of a drill, and what is kept."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from drill.alerts import FIRING, GONE, PENDING, RESOLVED, AlertHistory
from drill.plot import draw
from drill.rehearsal import Rehearsal
from tool.kept import Header

ALERT_HEADINGS: Final = ("alert", "must", "pending", "firing", "webhook told", "gone", "webhook told it is over")
PANEL_HEADINGS: Final = ("panel", "must within", "told first", "until", "before", "then", "why")
# A panel that has told until nearly the end of the watch tells on.
STILL_SECONDS: Final = 6.0


def alert_rows(rehearsal: Rehearsal) -> list[list[str]]:
    """One row for each alert that must tell or did, in the order in which they came."""
    expected = {alert.name: alert for alert in rehearsal.expected.alerts}
    names = {*expected, *(name for name, history in rehearsal.watch.histories.items() if history.changes)}
    histories = sorted(map(rehearsal.watch.of, names), key=lambda one: (one.first(FIRING) or 1e9, _begin(one)))
    rows = []
    for history in histories:
        must = expected.get(history.name)
        gone = history.changes[-1][0] if history.changes and history.state == GONE else None
        stays = "" if not history.changes else f"still {history.state} at {rehearsal.watched_until:.0f}"
        rows.append(
            [
                history.name,
                "" if must is None else f"{must.state} within {must.within_seconds:g}",
                _seconds(history.first(PENDING)),
                _seconds(history.first(FIRING)),
                _seconds(history.told_at(FIRING)),
                _seconds(gone) or stays,
                _seconds(history.told_at(RESOLVED)),
            ]
        )
    return rows


def panel_rows(rehearsal: Rehearsal) -> list[list[str]]:
    """One row for each panel that must tell or did, in the order in which they told."""
    expected = {panel.name: panel.within_seconds for panel in rehearsal.expected.panels}
    names = {*expected, *(name for name, found in rehearsal.panels.items() if found is not None)}
    rows = []
    for name in sorted(names, key=lambda one: (_first(rehearsal, one), one)):
        found = rehearsal.panels.get(name)
        must = f"{expected[name]:g}" if name in expected else ""
        if found is None:
            rows.append([name, must, "never", "", "", "", ""])
            continue
        until = "the end" if rehearsal.watched_until - found.last < STILL_SECONDS else f"{found.last:.0f}"
        rows.append([name, must, f"{found.first:.0f}", until, found.calm, found.then, found.why])
    return rows


def timeline(rehearsal: Rehearsal) -> list[tuple[float, str]]:
    """Everything that was told, in the order in which it was."""
    return sorted(_events(rehearsal))


def _events(rehearsal: Rehearsal) -> Iterator[tuple[float, str]]:
    yield 0.0, f"{rehearsal.fault} begins"
    yield rehearsal.mended, f"{rehearsal.fault} is over"
    for history in rehearsal.watch.histories.values():
        for at, state in history.changes:
            yield at, f"{history.name} is {state or 'gone'}"
        for at, status in history.notified:
            yield at, f"the webhook is told that {history.name} is {status}"
    expected = {panel.name for panel in rehearsal.expected.panels}
    for name, found in rehearsal.panels.items():
        if found is not None and name in expected:
            yield found.first, f"panel {name}: {found.calm} -> {found.then} ({found.why})"


def print_rehearsal(console: Console, rehearsal: Rehearsal) -> None:
    """Print all of one drill."""
    for title, headings, rows in (
        (f"{rehearsal.fault}: alerts, in seconds from the fault", ALERT_HEADINGS, alert_rows(rehearsal)),
        (f"{rehearsal.fault}: panels, in seconds from the fault", PANEL_HEADINGS, panel_rows(rehearsal)),
    ):
        table = Table(title=title)
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    console.print(in_short(rehearsal), highlight=False, markup=False)
    for problem in rehearsal.problems:
        console.print(f"{rehearsal.fault}: {problem}", style="red", markup=False, highlight=False)


def in_short(rehearsal: Rehearsal) -> str:
    """One line: what was carried out, and whether nothing was lost."""
    outcome = rehearsal.outcome
    assert outcome is not None
    verdict = outcome.verdict
    wrong = f"{len(verdict.violations)} violations" if verdict.violations else "nothing lost, repeated or misrouted"
    passed = "passed" if rehearsal.is_passed else f"FAILED: {len(rehearsal.problems)} problems"
    return (
        f"{rehearsal.fault}: {rehearsal.mended:.0f} s of fault, watched for {rehearsal.watched_until:.0f} s;"
        f" {verdict.events:,} events, {verdict.deliveries:,} messages to {verdict.devices} devices, {wrong}; {passed}"
    )


def write_results(results: Path, header: Header, rehearsals: Sequence[Rehearsal]) -> Path:
    """Write results.md, results.json and a picture for each fault into a directory of this run's own; return it."""
    where = header.own_directory(results, "drill")
    (where / "results.md").write_text(_as_markdown(header, rehearsals))
    (where / "results.json").write_text(json.dumps(_as_json(header, rehearsals), indent=2) + "\n")
    for rehearsal in rehearsals:
        draw(rehearsal, where / f"{rehearsal.fault}.png")
    return where


def _as_markdown(header: Header, rehearsals: Sequence[Rehearsal]) -> str:
    lines = [
        f"# Fault drill of {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds / 60:.0f} minutes. Times are seconds from the fault's beginning.",
        "",
        *header.lines(),
    ]
    for rehearsal in rehearsals:
        lines += ["", f"## {rehearsal.fault}", "", in_short(rehearsal), ""]
        lines += [f"- {problem}" for problem in rehearsal.problems]
        lines += ["", f"![timeline]({rehearsal.fault}.png)", ""]
        lines += [*_table(ALERT_HEADINGS, alert_rows(rehearsal)), "", *_table(PANEL_HEADINGS, panel_rows(rehearsal))]
        lines += ["", "In order:", "", "```"]
        lines += [f"{at:6.1f} s  {what}" for at, what in timeline(rehearsal)]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|---|" + "---:|" * (len(headings) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _as_json(header: Header, rehearsals: Sequence[Rehearsal]) -> dict[str, object]:
    return {
        **header.as_json(),
        "drills": [
            {
                "fault": rehearsal.fault,
                "passed": rehearsal.is_passed,
                "problems": rehearsal.problems,
                "mended": rehearsal.mended,
                "watchedUntil": rehearsal.watched_until,
                "alerts": {name: asdict(history) for name, history in rehearsal.watch.histories.items()},
                "panels": {name: found and asdict(found) for name, found in rehearsal.panels.items()},
            }
            for rehearsal in rehearsals
        ],
    }


def _seconds(at: float | None) -> str:
    return "" if at is None else f"{at:.1f}"


def _begin(history: AlertHistory) -> float:
    return history.changes[0][0] if history.changes else 1e9


def _first(rehearsal: Rehearsal, name: str) -> float:
    found = rehearsal.panels.get(name)
    return 1e9 if found is None else found.first
