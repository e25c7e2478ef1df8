"""What `realtime doctor` does; it returns the exit code: 0, or 1 when something is to be mended."""

import io
import logging
import os
import sys
from typing import Final

import structlog
import uvloop

from realtime.doctor.display import as_json, summary, table
from realtime.doctor.examination import examine
from realtime.doctor.finding import Finding, Status, worst

LIBRARIES: Final = ("aiokafka", "asyncio", "redis")


def run_doctor(*, as_document: bool) -> int:
    """Examine, print, and say how it is."""
    # What matters is told in findings.
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    structlog.configure(processors=[_drop])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return uvloop.run(_examine_and_print(as_document=as_document))
    except KeyboardInterrupt:
        return 130


async def _examine_and_print(*, as_document: bool) -> int:
    findings = await examine()
    code = int(worst(findings) is Status.FAIL)
    _print(findings, as_document=as_document)
    return code


def _print(findings: list[Finding], *, as_document: bool) -> None:
    if as_document:
        print(as_json(findings), flush=True)
        return
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for line in table(findings, colours=colours):
        print(line)
    print(summary(findings), flush=True)


def _drop(*_: object) -> structlog.types.EventDict:
    raise structlog.DropEvent
