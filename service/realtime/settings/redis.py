"""Where rooms are shared."""

from pathlib import Path
from typing import Final, Self

from pydantic import Field, PositiveFloat, SecretStr, field_validator, model_validator

from realtime.settings.redis_url import RedisUrl, Topology
from realtime.settings.section import Section

# Settings that say nothing unless the URL asks for what they are about.
_FOR_TLS: Final = ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file")
_FOR_SENTINEL: Final = ("sentinel_username", "sentinel_password")


class RedisSettings(Section):
    """Where rooms are shared."""

    url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="`redis://user:password@host:6379/0`, `unix:///path`, "
        "`redis+sentinel://host,host,host/SERVICE/0` or `redis+cluster://host,host,host`; with TLS `rediss`. "
        "A secret, since it may hold a password.",
    )
    sentinel_username: str | None = Field(None, description="User for the sentinels; those of the URL are for Redis.")
    sentinel_password: SecretStr | None = Field(None, description="Password for the sentinels.")
    ssl_ca_file: Path | None = Field(None, description="Certificates to trust; the system's when unset.")
    ssl_certificate_file: Path | None = Field(None, description="This client's certificate, for mutual TLS.")
    ssl_key_file: Path | None = Field(None, description="This client's key, for mutual TLS.")
    ssl_check_hostname: bool = Field(
        True,
        description="Whether a certificate must name the host that is connected to. Sentinels and clusters tell "
        "addresses, unless they are configured to announce names.",
    )
    key_prefix: str = Field(
        "realtime", pattern="^[A-Za-z0-9_.-]{1,64}$", description="First part of every key and channel."
    )
    shards: int = Field(
        1,
        ge=1,
        le=64,
        description="Parts that rooms are divided into, each on one node of a cluster. The same on all pods; to change "
        "it, stop all pods.",
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

    @property
    def address(self) -> RedisUrl:
        """The URL, understood."""
        return RedisUrl.parse(self.url.get_secret_value())

    @field_validator("url")
    @classmethod
    def _can_be_connected_to(cls, url: SecretStr) -> SecretStr:
        RedisUrl.parse(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        address = self.address
        if self.sentinel_username is not None and self.sentinel_password is None:
            raise ValueError("sentinel_username needs sentinel_password")
        for name in () if address.has_tls else _FOR_TLS:
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is for TLS, and url does not begin with rediss: nothing would be encrypted")
        for name in () if address.topology is Topology.SENTINEL else _FOR_SENTINEL:
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} is for sentinels, and url does not begin with redis+sentinel or rediss+sentinel"
                )
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            raise ValueError("ssl_certificate_file and ssl_key_file need each other")
        for name in _FOR_TLS:
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name} names no file: {path}")
        return self
