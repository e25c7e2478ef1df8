"""Where rooms are shared."""

from urllib.parse import urlsplit

from pydantic import Field, PositiveFloat, SecretStr, field_validator

from realtime.settings.section import Section


class RedisSettings(Section):
    """Where rooms are shared."""

    url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="`redis://`, `rediss://` (TLS) or `unix://`; a secret, since it may hold a password.",
    )
    key_prefix: str = Field(
        "realtime", pattern="^[A-Za-z0-9_.-]{1,64}$", description="First part of every key and channel."
    )
    command_timeout_seconds: PositiveFloat = Field(5.0, description="How long one command may take.")
    connect_timeout_seconds: PositiveFloat = Field(2.0, description="How long connecting may take.")
    heartbeat_interval_seconds: PositiveFloat = Field(
        1.0,
        description="Time between two heartbeats that a pod sends to itself through Redis; three unheard: not ready.",
    )
    unsubscribe_delay_seconds: float = Field(
        2.0,
        ge=0,
        description="How long an empty room stays subscribed, in case its client is only reconnecting.",
    )

    @field_validator("url")
    @classmethod
    def _can_be_connected_to(cls, url: SecretStr) -> SecretStr:
        scheme = url.get_secret_value().partition("://")[0]
        if scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("the URL must begin with redis://, rediss:// or unix://")
        try:
            _ = urlsplit(url.get_secret_value()).port
        except ValueError:
            raise ValueError("the URL's host or port is not one") from None
        return url
