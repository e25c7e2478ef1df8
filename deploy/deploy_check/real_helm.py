"""What the real `helm` says: tests render by Helm as a library, which is not quite what operators install with."""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from parts.helm import CHART, render
from parts.kubernetes import programs
from parts.needs import find
from parts.values_sets import SETS, values_of

Result = tuple[str, list[str]]

# What editors and desktops leave behind; none of it may be installed, and ci/ is of the repository alone.
JUNK: Final = (
    ".DS_Store",
    "values.yaml.swp",
    "templates/configmap.yaml.orig",
    "values.yaml~",
    ".git/config",
    ".idea/x.xml",
    "Chart.yaml.bak",
)


def absent() -> str:
    """Why there is no `helm`, or nothing."""
    return "" if _found() or find("go") else "no helm in PATH, and no Go to build one"


def _found() -> str | None:
    in_home = Path.home() / "go/bin/helm"
    return shutil.which("helm") or (str(in_home) if in_home.exists() else None)


@cache
def _helm() -> str:
    return _found() or str(programs.helm())


def _run(*arguments: str | Path) -> tuple[str, str]:
    """What it printed, and what it complained of: nothing where all is well."""
    done = subprocess.run([_helm(), *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout, (done.stderr.strip() or done.stdout.strip()) if done.returncode else ""


def _over_sets(check: Callable[[str], str]) -> Result:
    wrong = [f"{name}: {problem}" for name in SETS if (problem := check(name))]
    return f"{len(SETS)} sets of values", wrong


def lint() -> Result:
    """Each set of values."""
    return _over_sets(lambda name: _run("lint", "--strict", CHART, "-n", "shop", "-f", SETS[name])[1])


def template() -> Result:
    """Each set of values renders to what the tests have seen."""

    def differs(name: str) -> str:
        out, problem = _run("template", "realtime", CHART, "-n", "shop", "-f", SETS[name])
        return problem or "\n".join(_differences(out, render(values_of(name))))

    return _over_sets(differs)


def package() -> Result:
    """A package of a chart in which somebody has worked: all that is the chart's, nothing else, and it renders."""
    with tempfile.TemporaryDirectory() as text:
        at = Path(text)
        chart = at / "realtime"
        shutil.copytree(CHART, chart)
        expected = {str(path.relative_to(chart)) for path in chart.rglob("*") if path.is_file()}
        expected = {name for name in expected if not name.startswith("ci/")}
        for name in JUNK:
            (chart / name).parent.mkdir(exist_ok=True)
            (chart / name).write_text("left behind")
        out, problem = _run("package", chart, "-d", at)
        if problem:
            return "", [problem]
        made = Path(out.strip().rpartition(": ")[2])
        with tarfile.open(made) as archive:
            found = {member.name.partition("/")[2] for member in archive if member.isfile()}
        wrong = [f"{name} is in it, and should not be" for name in sorted(found - expected)]
        wrong += [f"{name} is not in it" for name in sorted(expected - found)]
        out, problem = _run("template", "realtime", made, "-n", "shop", "-f", SETS["production"])
        wrong += [problem] if problem else [*_differences(out, render(values_of("production")))]
        return f"{made.name}: {len(found)} files, {made.stat().st_size // 1024} KiB", wrong


def _differences(out: str, rendered: list[dict[str, Any]]) -> Iterator[str]:
    of_program = _by_name([each for each in yaml.safe_load_all(out) if each])
    of_library = _by_name(rendered)
    for kind, name in sorted(of_program.keys() ^ of_library.keys()):
        yield f"{kind} {name} is rendered by one of program and library alone"
    for kind, name in sorted(of_program.keys() & of_library.keys()):
        if of_program[kind, name] != of_library[kind, name]:
            yield f"{kind} {name} is another one than the library's"


def _by_name(manifests: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {(each["kind"], each["metadata"]["name"]): each for each in manifests}
    for (kind, name), each in found.items():
        if kind == "Secret" and name.endswith("-try"):
            found[kind, name] = {**each, "data": sorted(each["data"])}  # drawn at random, each time
    return found


CHECKS: Final[dict[str, Callable[[], Result]]] = {
    "helm lint --strict": lint,
    "helm template": template,
    "helm package": package,
}
