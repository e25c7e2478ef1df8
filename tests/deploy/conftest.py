"""With DEPLOY_REPORT=1, as `make deploy-check` has it, the results are told in full."""

import os

import pytest

from parts import deploy_report
from parts.helm_values import MINIMAL


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("DEPLOY_REPORT") != "1":
        return
    terminalreporter.section("what was refused, and in which words")
    for line in deploy_report.refusals(MINIMAL):
        terminalreporter.line(line)
    terminalreporter.section("sets of values, by check")
    for line in deploy_report.matrix():
        terminalreporter.line(line)
