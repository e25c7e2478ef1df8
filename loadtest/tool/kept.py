"""What every tool here keeps of a run beside what it measured: when, where and with what, in a directory of its own."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console


@dataclass(frozen=True)
class Header:
    """When, where and with what a run took place."""

    date: datetime
    commit: str
    command: str
    seconds: float
    machine: Mapping[str, str]
    versions: Mapping[str, str]

    def as_json(self) -> dict[str, object]:
        """All of it, as it stands at the head of results.json."""
        return asdict(self) | {"date": self.date.isoformat(timespec="seconds")}

    def lines(self) -> list[str]:
        """Machine and versions, as they stand at the head of results.md."""
        return [_pairs("Machine", self.machine), "", _pairs("Versions", self.versions)]

    def own_directory(self, results: Path, kind: str = "") -> Path:
        """Make a directory that no other run has, named by date, commit and the kind of run."""
        name = "-".join(filter(None, (f"{self.date:%Y-%m-%d}", self.commit, kind)))
        where, number = results / name, 1
        while where.exists():
            number += 1
            where = results / f"{name}-{number}"
        where.mkdir(parents=True)
        return where


def command(target: str) -> str:
    """Say how this process was asked for, by its target of `make`."""
    arguments = shlex.join(sys.argv[1:])
    return f'make {target} ARGS="{arguments}"' if arguments else f"make {target}"


def print_where(console: Console, where: Path) -> None:
    """Say where the results are."""
    console.print(f"Results: {where.relative_to(Path.cwd()) if where.is_relative_to(Path.cwd()) else where}")


def _pairs(title: str, pairs: Mapping[str, str]) -> str:
    return f"{title}: " + ", ".join(f"{name} {value}" for name, value in pairs.items()) + "."
