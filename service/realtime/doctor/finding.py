"""What the doctor has found."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How it is; a machine may rely on these words."""

    OK = "ok"
    WARN = "warn"  # it works, and will hurt one day
    FAIL = "fail"  # it does not work, or loses something


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `mend` says what to do about it, with the command; empty where all is well."""

    area: str
    subject: str
    status: Status
    told: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """Makes the findings of one area."""

    name: str

    def ok(self, subject: str, told: str) -> Finding:
        """All is well."""
        return Finding(self.name, subject, Status.OK, told)

    def warn(self, subject: str, told: str, mend: str) -> Finding:
        """It works, and will hurt one day."""
        return Finding(self.name, subject, Status.WARN, told, mend)

    def fail(self, subject: str, told: str, mend: str) -> Finding:
        """It does not work, or loses something."""
        return Finding(self.name, subject, Status.FAIL, told, mend)


SETTINGS = Area("settings")
KAFKA = Area("kafka")
REDIS = Area("redis")
TOKENS = Area("tokens")
CLOCK = Area("clock")
MACHINE = Area("machine")


def worst(findings: list[Finding]) -> Status:
    """The worst of all."""
    statuses = {finding.status for finding in findings}
    return next((status for status in (Status.FAIL, Status.WARN) if status in statuses), Status.OK)
