"""What holds for every run: where the parts are loaded, what a skip means in CI, what the summary says.

The fixtures are in `parts/fixtures.py`. What kind a test is, its directory says.
"""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parts import used
from parts.needs import IN_CI

HERE = Path(__file__).parent

# These tests touch no sockets, and need not wait a second for the clients of everything to be imported.
WITHOUT_PARTS = {"unit", "architecture"}

# These run whole clusters and measure them: of each kind one at a time, on one worker of several.
WITH_CLUSTERS = {"chaos": "faults", "dashboards": "faults", "drill": "faults", "e2e": "e2e"}

# These need containers, or programs that take long to build: they run when they are named.
WHEN_NAMED = {"cluster", "containers"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what was not named on the command line."""
    kind = collection_path.relative_to(HERE).parts[:1]
    if not WHEN_NAMED.intersection(kind):
        return None
    named = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
    return None if any((HERE / kind[0]) in (path, *path.parents) for path in named) else True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> None:
    if file_path.relative_to(HERE).parts[0] not in WITHOUT_PARTS:
        parent.config.pluginmanager.import_plugin("parts.fixtures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: what is quick fills the end, on whatever worker is free."""
    items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] not in WITH_CLUSTERS)


def pytest_collection_finish() -> None:
    """What is there before the first test need not be looked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _whatever_is_left_open_is_found_here() -> Iterator[None]:
    """And not in a later module, which would be blamed for it."""
    yield
    gc.collect()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under pytest-xdist: a module's tests run on one worker, as they share its fixtures; and all with clusters do."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - not needed to run without it

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = Path(nodeid.partition("::")[0])
            return WITH_CLUSTERS.get(module.parts[1], str(module))

    # As they are collected, see above; by itself it would sort them by their number.
    config.option.loadscopereorder = False
    return ByModule(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    worker_output = getattr(session.config, "workeroutput", None)
    if worker_output is not None:  # under pytest-xdist: for the process that prints the summary
        worker_output["parts"] = sorted(used.USED)
    elif _skipped_in_ci(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    used.USED.update(map(tuple, getattr(node, "workeroutput", {}).get("parts", [])))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if used.USED:
        terminalreporter.section("real parts")
        for part, name in sorted(used.USED):
            terminalreporter.line(f"{part}: {name}")
    if skipped := _skipped_in_ci(config):
        terminalreporter.section("failed: in CI nothing may skip", red=True)
        terminalreporter.line(f"{len(skipped)} skipped; the reasons are in the short test summary")


def _skipped_in_ci(config: pytest.Config) -> list[Any]:
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if IN_CI and reporter else []
