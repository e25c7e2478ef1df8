"""The command line: `make model` writes docs/scale.md; ARGS="--sockets 250000 --mix shop" projects just that."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from model.bends import BENDS, reached
from model.constants import SCALE, Constants
from model.page import BEGIN, END, generated, table_of
from model.project import MIXES, Budget, Load, project
from model.sources import CEILING, ROOT, NotMeasured, name_run, read
from tool.errors import Unable
from tool.frame import begun

PAGE: Final = ROOT / "docs" / "scale.md"
IMAGES: Final = ROOT / "docs" / "images"
LINK: Final = re.compile(r"\[[^]]+\]\(([^)]+)\)")


def main(
    sockets: Annotated[int, typer.Option(min=0, help="Project this; 0: write the page.")] = 0,
    mix: Annotated[str, typer.Option(help=f"What is told to whom: {', '.join(MIXES)}.")] = "shop",
    events_per_second: Annotated[
        float, typer.Option(min=0, help="Orders a second; 0: as the mix has it for so many sockets.")
    ] = 0.0,
    sockets_a_pod: Annotated[int, typer.Option(min=1, help="At most.")] = Budget().sockets_a_pod,
    scale: Annotated[
        Path | None, typer.Option(help="Rest on this run of make scale; the page does from now on.")
    ] = None,
    ceiling: Annotated[Path | None, typer.Option(help="… and on this one of make ceiling.")] = None,
    page: Annotated[Path, typer.Option(help="What is written, where nothing is projected.")] = PAGE,
    images: Annotated[Path, typer.Option(help="Where its pictures go.")] = IMAGES,
) -> None:
    """Project pods, Redis, partitions, memory and network from what was measured."""
    with begun("model", NotMeasured) as tool:
        if mix not in MIXES:
            raise Unable(f"--mix: there are {', '.join(MIXES)}; not {mix!r}")
        others = {kind: run.resolve().name for kind, run in ((SCALE, scale), (CEILING, ceiling)) if run is not None}
        constants, sources = read(others)
        if sockets:
            load = Load.of(sockets, MIXES[mix], events_per_second or None)
            _print(tool.console, load, constants, Budget(sockets_a_pod=sockets_a_pod))
            return
        from model.plots import draw_all  # noqa: PLC0415 - matplotlib is heavy, and a projection needs none

        before, after = _around(page)
        for kind, run in others.items():
            name_run(kind, run)
        page.write_text(before + generated(constants, sources) + after)
        images.mkdir(parents=True, exist_ok=True)
        draw_all(images, constants, sources)
        tool.console.print(f"Written: {page}, {images}/scale-*.png", highlight=False)


def _around(page: Path) -> tuple[str, str]:
    """What stands before and after the generated part. Raises `Unable` where it is not certain which part that is."""
    written = page.read_text() if page.is_file() else ""
    before, begin, rest = written.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or written.count(BEGIN) + written.count(END) != 2:
        raise Unable(f"{page}: nothing is written, it has to have each of these lines once:\n{BEGIN}\n{END}")
    return before, after


def _print(console: Console, load: Load, constants: Constants, budget: Budget) -> None:
    projection = project(load, constants, budget)
    table = Table(title=f"{load.sockets:,} sockets, {load.mix.name}")
    table.add_column("")
    table.add_column("needed", justify="right")
    for label, (value,) in table_of([projection], constants, budget):
        table.add_row(label, value)
    console.print(table)
    for bend in BENDS:
        if bend.name in reached(projection, constants, budget):
            begins, then = bend.begins(constants, budget), LINK.sub(r"docs/\1", bend.next_step)
            console.print(f"[bold]{bend.name}[/bold]: {bend.what} (beyond: {begins}). Next: {then}.", highlight=False)


if __name__ == "__main__":
    typer.run(main)
