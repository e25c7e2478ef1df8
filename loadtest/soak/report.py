"""What is printed of a run, and what is kept."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from soak.bounds import BOUNDS
from soak.crowd import KINDS
from soak.judge import Outcome, Trend
from soak.load import cores
from soak.pictures import draw
from soak.run import MESSAGES_OF_A_ROOM, Soaked
from tool.kept import Header
from tool.quantities import MB

HEADINGS: Final = ("what", "mean", "grew by", "give or take", "may grow by", "in an hour at most", "")
MOST_SHOWN: Final = 5  # of the ways in which connections were broken
EXPLANATION: Final = (
    "A line is fitted to the means of ten pieces of the second half; what it grew by along that half, give or take its "
    "95 % interval, may be at most what is allowed, and the upper end of that interval is what it grows by in an hour "
    "at most. The first half is for what has to fill: Redis keeps what belongs to those who are gone for a twelfth of "
    f"the run (sessions somewhat longer, histories up to twice as long), and {MESSAGES_OF_A_ROOM} messages of a room."
)


def title(soaked: Soaked) -> str:
    """How long, and how busy the machine was."""
    return f"{soaked.seconds / 60:.3g} minutes at {soaked.share:.0%} of the machine"


def cells(trend: Trend) -> list[str]:
    """One row."""
    unit, suffix = (MB, " MB") if "memory" in trend.name else (1, "")
    digits = 0 if trend.mean >= 100 and unit == 1 else 1
    signed, plain = f"+,.{digits}f", f",.{digits}f"
    return [
        trend.name,
        f"{trend.mean / unit:{plain}}{suffix}",
        f"{trend.growth / unit:{signed}}{suffix}",
        f"{trend.margin / unit:{plain}}{suffix}",
        f"{trend.allowed / unit:{plain}}{suffix}",
        f"{trend.at_most_per_hour / unit:{signed}}{suffix}",
        trend.outcome,
    ]


def sentences(soaked: Soaked) -> list[str]:
    """What it comes to, beside the table."""
    plan, load, account = soaked.plan, soaked.load, soaked.account
    kinds = ", ".join(f"{share} % {kind}" for kind, share in KINDS.items())
    tried = "as told"
    if load.tried is not None:
        found = ", ".join(f"{share:.0%} at {pace:.0f}" for pace, share in load.tried.items())
        tried = f"half of the machine, by what was tried: {found}"
    of_each = ", ".join(f"{name} {used:.2f}" for name, used in soaked.cores.items())
    busy = f"{sum(soaked.cores.values()):.2f} of {cores()} cores, {soaked.share:.0%}"
    of = account.verdict
    heard = f"{of.delivered:,} of {of.delivered + of.lost:,} events heard"
    amiss = f"{of.lost} lost, {of.repeated} repeated, {of.disordered} out of order"
    went_on = f"{account.returns:,} came back, {account.recovered:,} of them went on where they had been"
    if account.why_not:
        went_on += f" (others: {', '.join(f'{count} {why}' for why, count in account.why_not.items())})"
    left = f"{account.gone_for_good:,} left for good"
    broken = f"{sum(account.broken.values()):,} connections were broken by others"
    if account.broken:
        most = sorted(account.broken.items(), key=itemgetter(1), reverse=True)[:MOST_SHOWN]
        broken += f" ({', '.join(f'{count} {how}' for how, count in most)})"
    if account.unknowable:
        broken += f"; {account.unknowable} events next to these nobody can account for, as their clients keep no place"
    return [
        f"{plan.clients:,} clients ({kinds}); {plan.churn:.0%} of them go each minute, half of these for good.",
        f"{load.per_second:,.0f} events a second: {tried}. The whole run took {busy} ({of_each}).",
        f"{heard}: {amiss}. {went_on}; {left}; {broken}.",
    ]


def verdict(soaked: Soaked) -> str:
    """What is amiss, or that nothing is, in one line."""
    outcomes = [f"{one.name} {one.outcome}" for one in soaked.trends if one.outcome is not Outcome.FLAT]
    said = [f"ENDED BEFORE ITS TIME: {soaked.broke.splitlines()[0]}"] if soaked.broke else []
    if outcomes:
        said += outcomes
    elif soaked.trends:
        said.append("nothing grows")
    said.append("nothing was lost" if soaked.account.is_good else "SOMETHING WAS LOST, CAME TWICE OR OUT OF ORDER")
    return "; ".join(said)


def print_soaked(console: Console, soaked: Soaked) -> None:
    """Print the table and what it comes to."""
    table = Table(title=title(soaked), caption=EXPLANATION)
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if place in {0, len(HEADINGS) - 1} else "right")
    for one in soaked.trends:
        table.add_row(*cells(one), style=None if one.outcome is Outcome.FLAT else "red")
    console.print(table)
    for sentence in sentences(soaked):
        console.print(sentence, highlight=False, markup=False)
    console.print(f"{verdict(soaked)}.", style=None if soaked.is_good else "red", highlight=False, markup=False)


def write_results(results: Path, header: Header, soaked: Soaked) -> Path:
    """Write results.md, results.json and the picture into a directory of this run's own; return it."""
    where = header.own_directory(results, "soak")
    (where / "results.json").write_text(json.dumps(_as_json(header, soaked), indent=1) + "\n")
    if soaked.trends:
        draw(soaked, title(soaked), where / "soak.png")
    (where / "results.md").write_text("\n".join(_as_markdown(header, soaked)) + "\n")
    return where


def _as_markdown(header: Header, soaked: Soaked) -> Iterator[str]:
    yield f"# Soak of {header.date:%Y-%m-%d}, commit {header.commit}"
    yield ""
    yield f"`{header.command}`, {title(soaked)}, {header.seconds / 60:.0f} with start and end: {verdict(soaked)}."
    yield ""
    if soaked.broke:
        yield f"```text\n{soaked.broke}\n```"
        yield ""
    yield from header.lines()
    yield ""
    for sentence in sentences(soaked):
        yield f"- {sentence}"
    yield ""
    if soaked.trends:
        yield from _grown(soaked)
    yield "What is not as it is by default:"
    yield ""
    yield "| setting | value |"
    yield "|---|---:|"
    for name, value in soaked.plan.settings.items():
        yield f"| `{name}` | {value} |"


def _grown(soaked: Soaked) -> Iterator[str]:
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---|" + "---:|" * (len(HEADINGS) - 2) + "---|"
    for one in soaked.trends:
        yield f"| {' | '.join(cells(one))} |"
    yield ""
    yield EXPLANATION
    yield ""
    yield "Why each may grow by so much:"
    yield ""
    for name, bound in BOUNDS.items():
        yield f"- {name}: {bound.why}."
    yield ""
    yield "![over time](soak.png)"
    yield ""


def _as_json(header: Header, soaked: Soaked) -> dict[str, object]:
    return {
        **header.as_json(),
        "plan": asdict(soaked.plan) | {"settings": soaked.plan.settings},
        "seconds": soaked.seconds,
        "broke": soaked.broke,
        "load": asdict(soaked.load),
        "cores": soaked.cores,
        "account": asdict(soaked.account),
        "trends": [asdict(one) | {"outcome": one.outcome} for one in soaked.trends],
        "series": {
            quantity: {whose: [[round(at, 1), value] for at, value in points] for whose, points in by_whose.items()}
            for quantity, by_whose in soaked.series.items()
        },
    }
