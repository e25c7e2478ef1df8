"""The matrix: a row for each way in, printed, and kept as JSON and Markdown."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from sticky.members import Cell, Member
from sticky.stage import KINDS, Lived
from tool.kept import Header
from tool.numbered import Verdict, judge

HEADINGS: Final = (
    *("proxy", "sticky", "transports", "clients", "connected", "broken while calm", "came back", "of these recovered"),
    *("failed attempts", "lost", "twice", "there at the end", ""),
)
EXPLANATION: Final = (
    "Clients are stock ones, JavaScript and Python. Connected: and subscribed, when the messages began. Broken while "
    "calm: connections that ended before any pod was restarted. Came back: connects after the first, as each pod that "
    "leaves sends its clients away; recovered: those who went on where they were. Lost and twice: messages, of those "
    "who were connected at the beginning."
)


@dataclass(frozen=True)
class Row:
    """What became of one cell's clients."""

    proxy: str
    sticky: bool
    transports: str
    clients: int
    connected: int
    broken_while_calm: int
    came_back: int
    recovered: int
    failed: int
    lost: int
    twice: int
    at_the_end: int
    sent: int
    why_it_ended: Mapping[str, int]
    why_it_failed: Mapping[str, int]

    @property
    def must_hold(self) -> bool:
        """Whether docs/ingress.md promises it."""
        return self.sticky or self.transports == "websocket"

    @property
    def holds(self) -> bool:
        """Whether all were connected, nothing broke without cause, and nothing was lost or came twice."""
        everybody = self.connected == self.at_the_end == self.clients
        return everybody and not (self.broken_while_calm or self.lost or self.twice)

    @property
    def verdict(self) -> str:
        """In words."""
        if self.must_hold:
            return "holds" if self.holds else "BROKEN"
        return "held, by luck" if self.holds else "does not work"

    def cells(self) -> list[str]:
        """As it is printed."""
        name = {"envoy-gateway": "envoy"}.get(self.proxy, self.proxy)
        return [
            *(name, "yes" if self.sticky else "no", self.transports, str(self.clients), str(self.connected)),
            *(str(self.broken_while_calm), str(self.came_back), str(self.recovered), str(self.failed)),
            *(str(self.lost), str(self.twice), str(self.at_the_end), self.verdict),
        ]


@dataclass(frozen=True)
class StickyHeader(Header):
    """And what could not be tried, and why."""

    absent: Mapping[str, str]


def rows_of(lived: Lived) -> list[Row]:
    """Add up each cell's clients."""
    cells: dict[Cell, list[Member]] = {}
    for member in lived.members:
        cells.setdefault(member.cell, []).append(member)
    return [_row(cell, members, lived) for cell, members in cells.items()]


def _row(cell: Cell, members: Sequence[Member], lived: Lived) -> Row:
    there = [member for member in members if member.user in lived.connected]
    ended, failed = Counter[str](), Counter[str]()
    for member in members:
        ended.update(member.endings)
        failed.update(member.failures)
    heard = sum((judge(member.orders, range(1, lived.sent[member.user] + 1)) for member in there), Verdict())
    return Row(
        cell.proxy,
        cell.sticky,
        cell.transports,
        clients=len(members),
        connected=len(there),
        broken_while_calm=sum(lived.broken_while_calm[member.user] for member in members),
        came_back=sum(max(0, member.connects - 1) for member in members),
        recovered=sum(member.recoveries for member in members),
        failed=failed.total(),
        lost=heard.lost,
        twice=heard.repeated,
        at_the_end=sum(member.user in lived.back for member in members),
        sent=sum(lived.sent[member.user] for member in members),
        why_it_ended=dict(ended.most_common()),
        why_it_failed=dict(failed.most_common()),
    )


def print_table(console: Console, rows: Sequence[Row]) -> None:
    """Print the matrix."""
    table = Table(caption=EXPLANATION)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if 3 <= number < len(HEADINGS) - 1 else "left")
    for row in rows:
        table.add_row(*row.cells())
    console.print(table)


def write_results(results: Path, header: StickyHeader, rows: Sequence[Row]) -> Path:
    """Write results.json and results.md into a directory of this run's own; return it."""
    where = header.own_directory(results, "sticky")
    whole = header.as_json() | {"rows": [asdict(row) | {"verdict": row.verdict} for row in rows]}
    (where / "results.json").write_text(json.dumps(whole, indent=2) + "\n")
    (where / "results.md").write_text(_as_markdown(header, rows))
    return where


def _as_markdown(header: StickyHeader, rows: Sequence[Row]) -> str:
    lines = [
        f"# Sticky matrix of {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds:.0f} s: three pods, restarted one after the other under messages.",
        "",
        *header.lines(),
        "",
        *(f"Left out: {name}, for want of {why}." for name, why in header.absent.items()),
        *table_lines(rows),
        "",
        EXPLANATION,
        "",
        *(f"- {name}: {KINDS[name].equivalence}." for name in dict.fromkeys(row.proxy for row in rows)),
    ]
    return "\n".join(lines) + "\n"


def table_lines(rows: Sequence[Row]) -> list[str]:
    """The matrix in Markdown."""
    rule = "|".join("---" if number < 3 else "---:" for number in range(len(HEADINGS) - 1))
    return [
        f"| {' | '.join(HEADINGS)} |",
        f"|{rule}|---|",
        *(f"| {' | '.join(row.cells())} |" for row in rows),
    ]
