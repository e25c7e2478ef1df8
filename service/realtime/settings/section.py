"""What all sections of the settings are made of."""

from pydantic import BaseModel, ConfigDict


def split_at_commas(text: object) -> object:
    """A text's parts between commas, without white space around them; anything else as it is."""
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


class Section(BaseModel):
    """One section of the settings; frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
