"""Reading the environment: unknown names are refused, and errors name the variable to mend."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from realtime.errors import ConfigurationError
from realtime.settings.clients import AuthSettings, HttpSettings, LimitSettings, SocketSettings
from realtime.settings.kafka import KafkaSettings
from realtime.settings.redis import RedisSettings
from realtime.settings.secrets import secrets_of
from realtime.settings.section import Section
from realtime.settings.sections import Role, Roles, Settings

PREFIX = "REALTIME_"


class _OfKafka(BaseSettings):
    model_config = SettingsConfigDict(**{**Settings.model_config, "extra": "ignore"})
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)


class _OfRoles(BaseSettings):
    model_config = SettingsConfigDict(**{**Settings.model_config, "extra": "ignore"})
    roles: Roles = frozenset(Role)


def load_settings() -> Settings:
    """Read the settings from the process's environment.

    Raises `ConfigurationError`, with one line for each variable to mend, when a variable that begins with
    REALTIME_ is not a setting (pydantic alone would ignore a misspelt section) or has a wrong value.
    """
    # The section without defaults is named here, so that what it lacks is told in its own words.
    return _load(Settings, {"auth": {}})


def load_kafka_settings() -> KafkaSettings:
    """Read what it takes to reach Kafka, for commands that need nothing else. Raises as `load_settings` does."""
    return _load(_OfKafka, {}).kafka


@dataclass(frozen=True, slots=True)
class Sections:
    """Those sections that can be read by themselves, whatever is wrong with the others.

    `roles` are all, where they cannot be read: so that everything is looked at.
    """

    auth: AuthSettings | None
    http: HttpSettings | None
    kafka: KafkaSettings | None
    redis: RedisSettings | None
    sockets: SocketSettings | None
    limits: LimitSettings | None
    roles: frozenset[Role] = frozenset(Role)

    def secrets(self) -> set[str]:
        """All secrets in them, in each form that they may be met in."""
        sections = (getattr(self, one.name) for one in fields(self))
        return {secret for section in sections if isinstance(section, Section) for secret in secrets_of(section)}


def load_sections() -> Sections:
    """Read what can be read, for who looks for what is wrong; raises nothing."""
    return Sections(
        _load_section("auth", AuthSettings),
        _load_section("http", HttpSettings),
        _load_section("kafka", KafkaSettings),
        _load_section("redis", RedisSettings),
        _load_section("sockets", SocketSettings),
        _load_section("limits", LimitSettings),
        _load_roles(),
    )


def _load_roles() -> frozenset[Role]:
    try:
        return _OfRoles.model_validate({}).roles
    except ValidationError:
        return frozenset(Role)


OneSection = TypeVar("OneSection", bound=Section)


def _load_section(name: str, section: type[OneSection]) -> OneSection | None:
    # The same source as all settings have, asked for one section.
    config = SettingsConfigDict(**{**Settings.model_config, "extra": "ignore"})
    fields = {"model_config": config, "__annotations__": {name: section}}
    model: type[BaseSettings] = type(name, (BaseSettings,), fields)
    try:
        loaded = model.model_validate({name: {}})
    except ValidationError:
        return None
    found: OneSection = getattr(loaded, name)
    return found


Loaded = TypeVar("Loaded", bound=BaseSettings)


def _load(model: type[Loaded], given: Mapping[str, object]) -> Loaded:
    problems = dict(_unknown_names(os.environ))
    try:
        settings = model.model_validate(given)
    except ValidationError as error:
        for e in error.errors(include_url=False, include_context=False, include_input=False):
            path = tuple(part for part in e["loc"] if isinstance(part, str))  # a list's items have no variable
            # A section that is given as a whole cannot be read, and has been told of as an unknown name.
            if path or not problems:
                problems.setdefault(variable_name(path), _plain(e, path))
    if problems:
        raise ConfigurationError("\n".join(f"{name}: {problem}" for name, problem in problems.items()))
    return settings


def variable_name(path: tuple[int | str, ...]) -> str:
    """Name the environment variable of a setting: ("kafka", "group_id") -> REALTIME_KAFKA__GROUP_ID."""
    return PREFIX + "__".join(str(part).upper() for part in path)


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Walk over the path of every single setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, (*path, name))
        else:
            yield (*path, name)


def _unknown_names(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # Without the prefix, which makes all of them look alike.
    known = {variable_name(path).removeprefix(PREFIX) for path in leaves(Settings)}
    for name in sorted(environ):
        own_name = name.upper().removeprefix(PREFIX)
        if name.upper().startswith(PREFIX) and own_name not in known:
            close = get_close_matches(own_name, known, n=1)
            yield name.upper(), "no such setting" + (f"; did you mean {PREFIX}{close[0]}?" if close else "")


def _plain(error: ErrorDetails, path: tuple[str, ...]) -> str:
    """What is wrong, without the value: it may be a secret. A section's settings are named as variables."""
    known = set(leaves(Settings))

    def in_full(word: re.Match[str]) -> str:
        return variable_name((*path, word[0])) if (*path, word[0]) in known else word[0]

    return re.sub(r"[a-z_]+", in_full, error["msg"].removeprefix("Value error, "))
