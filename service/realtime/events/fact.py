"""What all facts have in common: how their fields are named and what kinds of values they hold."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

# JavaScript holds whole numbers exactly up to 2**53 (Number.MAX_SAFE_INTEGER).
MAX_NUMBER: Final = 2**53
# What is written deeper than this is no description of a change; reading and writing it would recurse.
MAX_JSON_DEPTH: Final = 32


class Fact(BaseModel):
    """What happened, as its producer tells it.

    Written in camelCase on the wire. Values are taken strictly (no "5" for 5), and fields that nobody declared are
    left behind: only declared fields travel on to clients.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        allow_inf_nan=False,
        str_max_length=10_000,
    )


def _is_iso_8601(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be an ISO 8601 date or time, such as 2026-11-23T10:00:00Z") from None
    return text


def _is_identifier(text: str) -> str:
    # Half of a surrogate pair, too, is refused: it has no bytes in UTF-8, so no key in Redis.
    if not re.fullmatch(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}", text):
        raise ValueError("must be 1 to 128 characters, none of them white space or control characters")
    return text


def _is_amount(number: object, validate: Callable[[object], int | float]) -> int | float:
    try:
        return validate(number)
    except ValidationError:  # one problem of one field, not one of each kind of number
        raise ValueError(f"must be a number from -{MAX_NUMBER} to {MAX_NUMBER}") from None


def _is_shallow(document: object) -> object:
    level = [document]
    for _ in range(MAX_JSON_DEPTH + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return document
    raise ValueError(f"must not be nested deeper than {MAX_JSON_DEPTH} levels")


# Identifiers become part of room names, and so of Redis keys and channels.
Identifier = Annotated[str, AfterValidator(_is_identifier)]
ShortText = Annotated[str, Field(max_length=1_000)]
IsoTime = Annotated[str, Field(max_length=64), AfterValidator(_is_iso_8601)]
Amount = Annotated[int | float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER), WrapValidator(_is_amount)]
Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_is_shallow)]
