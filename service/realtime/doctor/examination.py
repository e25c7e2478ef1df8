"""The whole examination: all areas at once, each for itself."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final

from realtime.doctor.certificates import look_at_certificate, named_certificates
from realtime.doctor.display import harmless
from realtime.doctor.finding import KAFKA, MACHINE, REDIS, SETTINGS, TOKENS, Area, Finding
from realtime.doctor.kafka_area import look_at_kafka
from realtime.doctor.looking import look_at, look_at_all
from realtime.doctor.machine_facts import ask_machine
from realtime.doctor.machine_verdicts import judge_machine
from realtime.doctor.redis_area import look_at_redis
from realtime.doctor.tokens import look_at_tokens
from realtime.errors import ConfigurationError
from realtime.settings import Role, Sections, load_sections, load_settings

# Of everything; within it each look has a limit of its own.
AREA_SECONDS: Final = 45.0


async def examine() -> list[Finding]:
    """Look at everything that the settings, as far as they can be read, let us look at."""
    sections = load_sections()
    looks: list[Coroutine[Any, Any, list[Finding]]] = [look_at(SETTINGS, "settings", lambda: _settings(sections))]

    def plan(area: Area, section: object, look: Callable[[], Coroutine[Any, Any, list[Finding]]]) -> None:
        if section is not None:
            looks.append(look_at(area, "everything", look, AREA_SECONDS))
            return
        looks.append(look_at(area, "everything", lambda: _unreadable(area)))

    kafka, redis, auth, limits, sockets = (
        sections.kafka,
        sections.redis,
        sections.auth,
        sections.limits,
        sections.sockets,
    )
    plan(TOKENS, auth, lambda: _tokens(sections))
    # What cannot be read is None, and `plan` does not look at it; mypy does not follow that into a lambda.
    takes_in, has_sockets = Role.INTAKE in sections.roles, Role.SOCKETS in sections.roles
    if takes_in:
        plan(KAFKA, kafka, lambda: look_at_kafka(kafka))  # type: ignore[arg-type]
    else:
        looks.append(look_at(KAFKA, "everything", _not_asked))
    plan(REDIS, redis, lambda: look_at_redis(redis))  # type: ignore[arg-type]
    # The machine is asked when nothing else is under way: it is asked, too, how late its event loop is.
    found = await look_at_all(looks)

    async def machine() -> list[Finding]:
        assert limits is not None
        assert sockets is not None
        return judge_machine(await ask_machine(), limits.sessions_per_pod if has_sockets else 0, sockets)

    if limits is not None and sockets is not None:
        found += await look_at(MACHINE, "everything", machine)
    secrets = sections.secrets()
    return [harmless(finding, secrets) for finding in found]


async def _settings(sections: Sections) -> list[Finding]:
    findings = []
    try:
        load_settings()
    except ConfigurationError as error:
        for line in str(error).splitlines():
            variable, _, problem = line.partition(": ")
            findings.append(SETTINGS.fail(variable, problem, f"mend or unset {variable} (docs/configuration.md)"))
    else:
        findings.append(SETTINGS.ok("environment", "a pod starts with these"))
    now = datetime.now(UTC)
    named_ones = named_certificates(sections.http, sections.kafka, sections.redis)
    return findings + [await asyncio.to_thread(look_at_certificate, named, now) for named in named_ones]


async def _tokens(sections: Sections) -> list[Finding]:
    assert sections.auth is not None
    # A key's file may be somewhere slow.
    return await asyncio.to_thread(look_at_tokens, sections.auth, sections.http)


async def _not_asked() -> list[Finding]:
    return [KAFKA.ok("everything", "not looked at: without intake in REALTIME_ROLES a pod never asks it")]


async def _unreadable(area: Area) -> list[Finding]:
    return [area.warn("everything", "not looked at: its settings cannot be read", "mend them first, then run again")]
