"""What all facts have in common: how their fields are named and what kinds of values they hold."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, JsonValue
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

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

    def json_fields(self) -> bytes:
        """What stands between the braces of its JSON object: camelCase, fields without a value left out."""
        # Not `model_dump_json`, which makes text of it.
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)[1:-1]


@dataclass(frozen=True, slots=True)
class Told:
    """Tells each failure of what it annotates in these words, and once; but of a text, that it is none.

    What a validator in Python would do, without a call into Python for each value that is as it should be.
    """

    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        told = core_schema.custom_error_schema(handler(source), "contract", custom_error_message=self.words)
        return core_schema.chain_schema([core_schema.str_schema(), told]) if source is str else told


def _is_iso_8601(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be an ISO 8601 date or time, such as 2026-11-23T10:00:00Z") from None
    return text


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


# Identifiers become part of room names, and so of Redis keys and channels. (Half of a surrogate pair is no text to the
# pattern, and refused: it has no bytes in UTF-8.)
Identifier = Annotated[
    str,
    Field(pattern=r"^[^\s\x00-\x1f\x7f-\x9f]+$", max_length=128),
    Told("must be 1 to 128 characters, none of them white space or control characters"),
]
ShortText = Annotated[str, Field(max_length=1_000)]
IsoTime = Annotated[str, Field(max_length=64), AfterValidator(_is_iso_8601)]
# Whole numbers may be floats, too, and those just beyond the limit would be rounded to it.
Amount = Annotated[
    Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)] | Annotated[float, Field(gt=-MAX_NUMBER, lt=MAX_NUMBER)],
    Told(f"must be a number from -{MAX_NUMBER} to {MAX_NUMBER}"),
]
Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_is_shallow)]
