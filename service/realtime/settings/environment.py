"""Reading the environment: unknown names are refused, and errors name the variable to mend."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from realtime.errors import ConfigurationError
from realtime.settings.sections import Settings

PREFIX = "REALTIME_"


def load_settings() -> Settings:
    """Read the settings from the process's environment.

    Raises `ConfigurationError`, with one line for each variable to mend, when a variable that begins with
    REALTIME_ is not a setting (pydantic alone would ignore a misspelt section) or has a wrong value.
    """
    problems = list(_unknown_names(os.environ))
    try:
        # The section without defaults is named here, so that what it lacks is told in its own words.
        settings = Settings.model_validate({"auth": {}})
    except SettingsError as error:
        problems.append(f"{error}: {error.__cause__}")
    except ValidationError as error:
        problems += [f"{variable_name(e['loc'])}: {_plain(e)}" for e in error.errors(include_url=False)]
    if problems:
        raise ConfigurationError("\n".join(problems))
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


def _unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    known = {variable_name(path) for path in leaves(Settings)}
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            close = get_close_matches(name.upper(), known, n=1)
            yield f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else "")


def _plain(error: ErrorDetails) -> str:
    """What is wrong, without the value: it may be a secret."""
    return error["msg"].removeprefix("Value error, ")
