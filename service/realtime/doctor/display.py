"""What the findings look like, on a terminal and for programs. Secrets of the settings are never among it."""

import json
from collections.abc import Collection, Iterator
from typing import Final

from realtime.doctor.finding import Finding, Status, worst
from realtime.telemetry.redaction import HIDDEN, MIN_SECRET_CHARACTERS

# ECMA-48: green, yellow, bold red.
COLOURS: Final = {Status.OK: "32", Status.WARN: "33", Status.FAIL: "1;31"}


def table(findings: list[Finding], *, colours: bool) -> Iterator[str]:
    """Lines of a table; below each that is not well, what to do."""
    areas = max((len(finding.area) for finding in findings), default=0)
    subjects = max((len(finding.subject) for finding in findings), default=0)
    for finding in findings:
        status = f"{finding.status:<4}"
        if colours:
            status = f"\x1b[{COLOURS[finding.status]}m{status}\x1b[0m"
        yield f"{status}  {finding.area:<{areas}}  {finding.subject:<{subjects}}  {finding.told}"
        if finding.mend:
            yield f"{'':<{8 + areas + subjects}}  -> {finding.mend}"


def summary(findings: list[Finding]) -> str:
    """The last line."""
    counts = {status: sum(finding.status is status for finding in findings) for status in Status}
    return f"{counts[Status.OK]} ok, {counts[Status.WARN]} to look after, {counts[Status.FAIL]} to mend"


def as_json(findings: list[Finding]) -> str:
    """One document for programs; nothing but ASCII."""
    return json.dumps(
        {
            "status": worst(findings),
            "findings": [
                {
                    "area": finding.area,
                    "subject": finding.subject,
                    "status": finding.status,
                    "told": finding.told,
                    "mend": finding.mend or None,
                }
                for finding in findings
            ],
        },
        indent=2,
    )


def harmless(finding: Finding, secrets: Collection[str]) -> Finding:
    """The same without secrets, and without what would move a cursor or ring a bell: servers may say anything."""
    return Finding(
        finding.area,
        _harmless(finding.subject, secrets),
        finding.status,
        _harmless(finding.told, secrets),
        _harmless(finding.mend, secrets),
    )


def _harmless(text: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= MIN_SECRET_CHARACTERS:
            text = text.replace(secret, HIDDEN)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
