"""Which of the settings' values are to be told nowhere."""

from collections.abc import Iterator
from urllib.parse import quote, unquote

from pydantic import BaseModel, SecretStr


def secrets_of(settings: BaseModel) -> Iterator[str]:
    """All secrets, in each form that they may be met in; of a URL, what is secret in it."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from secrets_of(value)
        elif isinstance(value, SecretStr):
            for secret in _parts(value.get_secret_value()):
                yield from {secret, quote(secret, safe=""), unquote(secret)}


def _parts(secret: str) -> Iterator[str]:
    if "-----BEGIN PUBLIC KEY-----" in secret:
        return
    if "://" in secret:
        # Whoever it is of may be told; what follows the first colon proves it.
        credentials, at, _ = secret.partition("://")[2].rpartition("@")
        password = credentials.partition(":")[2] if at else ""
        if password:
            yield password
        return
    yield secret
    # Headers for a collector: name=value, several.
    yield from (value for _, equals, value in (pair.strip().partition("=") for pair in secret.split(",")) if equals)
