"""The command line, as far as it can be judged without starting anything."""

import subprocess
import sys
from collections.abc import MutableMapping
from typing import Any

import pytest
from typer.testing import CliRunner

from realtime.__main__ import cli


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({}, "REALTIME_AUTH__SECRET"),
        ({"REALTIME_AUTH__SECRET": "x" * 40, "REALTIME_KAFFKA__GROUP_ID": "x"}, "REALTIME_KAFFKA__GROUP_ID"),
        ({"REALTIME_AUTH__PUBLIC_KEY": "garbage"}, "REALTIME_AUTH__PUBLIC_KEY"),
        ({"REALTIME_AUTH__PUBLIC_KEY_FILE": "/none.pem"}, "REALTIME_AUTH__PUBLIC_KEY_FILE"),
    ],
)
def test_a_pod_with_wrong_settings_does_not_start_and_names_the_variable(
    environment: dict[str, str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What comes before the settings are believed must not change this process's logs.
    monkeypatch.setattr("realtime.telemetry.logging.configure_logging", lambda *_: None)
    run = CliRunner().invoke(cli, ["serve"], env=environment)
    assert run.exit_code == 2
    assert variable in run.stderr
    assert "Traceback" not in run.output


def test_a_pod_that_fails_says_so_in_its_log_and_not_to_python(
    monkeypatch: pytest.MonkeyPatch, logs: list[MutableMapping[str, Any]]
) -> None:
    class PodWithABug:
        def __init__(self, _: object) -> None:
            pass

        async def run(self) -> None:
            raise KeyError("the words")

    monkeypatch.setattr("realtime.telemetry.logging.configure_logging", lambda *_: None)
    monkeypatch.setattr("realtime.app.Pod", PodWithABug)
    run = CliRunner().invoke(cli, ["serve"], env={"REALTIME_AUTH__SECRET": "x" * 40})
    assert run.exit_code == 1
    assert "the words" not in run.output
    assert [(line["event"], line["log_level"]) for line in logs] == [("pod_failed", "critical")]


def test_a_pod_does_not_load_what_only_clients_are_made_of() -> None:
    said = (
        "import sys; from realtime.transports.socketio import no_clients; no_clients.load_without_clients();"
        "import realtime.app; print([name for name in no_clients.UNNEEDED if name in sys.modules]);"
        "import requests, aiohttp; print('whoever wants them has them')"
    )
    run = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("[]\nwhoever wants them has them\n", "")


def test_without_a_command_the_commands_are_told() -> None:
    run = CliRunner().invoke(cli, [])
    assert "serve" in run.output
