"""What all facts have in common: how their fields are named and what kinds of values they hold."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


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
    if not re.fullmatch(r"[^\s\x00-\x1f\x7f]{1,128}", text):
        raise ValueError("must be 1 to 128 characters, none of them white space or control characters")
    return text


# Identifiers become part of room names, and so of Redis keys and channels.
Identifier = Annotated[str, AfterValidator(_is_identifier)]
ShortText = Annotated[str, Field(max_length=1_000)]
IsoTime = Annotated[str, Field(max_length=64), AfterValidator(_is_iso_8601)]
# JavaScript holds whole numbers exactly up to 2**53 (Number.MAX_SAFE_INTEGER).
Amount = Annotated[int, Field(ge=-(2**53), le=2**53)] | Annotated[float, Field(ge=-(2**53), le=2**53)]
Count = Annotated[int, Field(ge=0, le=2**53)]
