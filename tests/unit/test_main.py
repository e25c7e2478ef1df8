"""The command line, as far as it can be judged without starting anything."""

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


def test_without_a_command_the_commands_are_told() -> None:
    run = CliRunner().invoke(cli, [])
    assert "serve" in run.output
