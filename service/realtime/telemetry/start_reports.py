"""Settings -> where bugs are reported."""

from collections.abc import Iterable

from realtime.settings import SentrySettings
from realtime.telemetry.reports import Reports


def start_reports(settings: SentrySettings, pod: str, version: str, secrets: Iterable[str]) -> Reports:
    """Make what `settings` ask for; `secrets` are reported nowhere."""
    if settings.dsn is None:
        return Reports()
    # A fifth of a second and megabytes, which a pod that reports nothing does without.
    from realtime.telemetry.sentry import SentryReports  # noqa: PLC0415

    return SentryReports(settings, pod, version, secrets)
