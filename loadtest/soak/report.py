"""What is printed of a run, and what is kept."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from soak.crowd import KINDS
from soak.judge import Trend
from soak.load import cores
from soak.pictures import draw
from soak.run import MB, Soaked
from tool.kept import Header

HEADINGS: Final = ("what", "mean", "grew by", "allowed", "an hour", "")
EXPLANATION: Final = (
    "A line is fitted to the second half of each series; what it grew by along that half may be at most what is "
    "allowed. The first half is for what has to fill: Redis keeps what belongs to those who are gone for a twelfth of "
    "the run (sessions somewhat longer, histories up to twice as long)."
)


def cells(trend: Trend) -> list[str]:
    """One row."""
    unit = MB if "memory" in trend.name else 1.0
    suffix, digits = (" MB", 1) if unit == MB else ("", 0 if trend.mean >= 100 else 1)
    values = (trend.mean, trend.growth, trend.allowed, trend.slope_per_hour)
    return [
        trend.name,
        *(f"{value / unit:{'' if place in {0, 2} else '+'},.{digits}f}{suffix}" for place, value in enumerate(values)),
        "GROWS" if trend.grows else "flat",
    ]


def sentences(soaked: Soaked) -> list[str]:
    """What it comes to, beside the table."""
    plan, load, account = soaked.plan, soaked.load, soaked.account
    busy = sum(soaked.cores.values())
    kinds = ", ".join(f"{share} % {kind}" for kind, share in KINDS.items())
    tried = "as told"
    if load.tried is not None:
        found = ", ".join(f"{share:.0%} at {pace:.0f}" for pace, share in load.tried.items())
        tried = f"half of the machine, by what was tried: {found}"
    of_each = ", ".join(f"{name} {used:.2f}" for name, used in soaked.cores.items())
    half = f"{load.per_second:,.0f} events a second: {tried}."
    heard = f"{account.sent:,} events, {account.heard:,} heard; {account.lost} lost, {account.repeated} repeated"
    went_on = f"{account.returns:,} came back, {account.recovered:,} of them went on where they had been"
    if account.why_not:
        went_on += f" (others: {', '.join(f'{count} {why}' for why, count in account.why_not.items())})"
    left = f"{account.gone_for_good:,} left for good"
    return [
        f"{plan.clients:,} clients ({kinds}); {plan.churn:.0%} of them go each minute, half of these for good.",
        f"{half} The whole run took {busy:.2f} of {cores()} cores ({of_each}).",
        f"{heard} or out of order. {went_on}; {left}; {account.broken_by_others} connections were broken by others.",
    ]


def print_soaked(console: Console, soaked: Soaked) -> None:
    """Print the table and what it comes to."""
    table = Table(title=f"{soaked.plan.minutes:g} minutes at half load", caption=EXPLANATION)
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if place in {0, len(HEADINGS) - 1} else "right")
    for one in soaked.trends:
        table.add_row(*cells(one), style="red" if one.grows else None)
    console.print(table)
    for sentence in sentences(soaked):
        console.print(sentence, highlight=False, markup=False)


def write_results(results: Path, header: Header, soaked: Soaked) -> Path:
    """Write results.md, results.json and the picture into a directory of this run's own; return it."""
    where = header.own_directory(results, "soak")
    (where / "results.json").write_text(json.dumps(_as_json(header, soaked), indent=1) + "\n")
    draw(soaked, where / "soak.png")
    (where / "results.md").write_text("\n".join(_as_markdown(header, soaked)) + "\n")
    return where


def _as_markdown(header: Header, soaked: Soaked) -> Iterator[str]:
    yield f"# Soak of {header.date:%Y-%m-%d}, commit {header.commit}"
    yield ""
    yield f"`{header.command}`, {header.seconds / 60:.0f} minutes with start and end: {_verdict(soaked)}."
    yield ""
    yield from header.lines()
    yield ""
    for sentence in sentences(soaked):
        yield f"- {sentence}"
    yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---|" + "---:|" * (len(HEADINGS) - 2) + "---|"
    for one in soaked.trends:
        yield f"| {' | '.join(cells(one))} |"
    yield ""
    yield EXPLANATION
    yield ""
    yield "![over time](soak.png)"
    yield ""
    yield "What is not as it is by default:"
    yield ""
    yield "| setting | value |"
    yield "|---|---:|"
    for name, value in soaked.plan.settings.items():
        yield f"| `{name}` | {value} |"


def _verdict(soaked: Soaked) -> str:
    growing = [one.name for one in soaked.trends if one.grows]
    verdict = f"what grows: {'; '.join(growing)}" if growing else "nothing grows"
    return verdict + (", and nothing was lost" if soaked.account.is_good else "; SOMETHING WAS LOST OR CAME TWICE")


def _as_json(header: Header, soaked: Soaked) -> dict[str, object]:
    return {
        **header.as_json(),
        "plan": asdict(soaked.plan) | {"settings": soaked.plan.settings},
        "load": asdict(soaked.load),
        "cores": soaked.cores,
        "account": asdict(soaked.account),
        "trends": [asdict(one) | {"grows": one.grows} for one in soaked.trends],
        "series": {
            quantity: {whose: [[round(at, 1), value] for at, value in points] for whose, points in by_whose.items()}
            for quantity, by_whose in soaked.series.items()
        },
    }
