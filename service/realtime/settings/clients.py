"""How clients come in, what they may do, and how they are moved."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from realtime.settings.section import Section, split_at_commas

# RFC 7518 section 3.2: an HS256 key must have at least as many bits as the hash, 256.
MIN_SECRET_BYTES = 32


class HttpSettings(Section):
    """The port that clients, REST, probes and Prometheus come in by."""

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - a pod is reached from outside itself
    port: int = Field(3009, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins that browsers may come from, separated by commas; `*`: any; empty: the same origin.",
    )
    body_max_bytes: PositiveInt = Field(65_536, description="Largest body of a REST request.")
    request_timeout_seconds: PositiveFloat = Field(
        10.0, description="How long a client may take to send a request; slower ones are cut."
    )
    keep_alive_seconds: PositiveInt = Field(
        120,
        description="How long a connection without a request is kept: longer than the load balancer keeps its own, "
        "or now and then it sends one into a connection that has just been closed, and answers 502.",
    )
    tls_certificate_file: Path | None = Field(
        None, description="Certificate (PEM) to serve https and wss with; empty where an ingress does that."
    )
    tls_key_file: Path | None = Field(None, description="Private key (PEM) of that certificate.")

    @model_validator(mode="after")
    def _tls_takes_both(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file go together")
        return self

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, origins: object) -> object:
        return split_at_commas(origins)

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            # RFC 6454 section 6.2: scheme, host and port, nothing behind.
            if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
                raise ValueError(f"{origin!r} is not an origin such as https://shop.example")
        return origins


class AuthSettings(Section):
    """How identities are proven: one of `secret`, `public_key` and `public_key_file` must be set, without a default."""

    secret: SecretStr | None = Field(None, description=f"HS256 secret, at least {MIN_SECRET_BYTES} bytes.")
    public_key: SecretStr | None = Field(None, description="RS256 or ES256 public key, PEM.")
    public_key_file: Path | None = Field(None, description="File with the RS256 or ES256 public key, PEM.")
    issuer: str | None = Field(None, description="What `iss` must be; unchecked when unset.")
    audience: str | None = Field(None, description="What `aud` must contain; unset: a token with `aud` is refused.")
    leeway_seconds: float = Field(5.0, ge=0, le=300, description="Clock skew that is forgiven in `exp` and `nbf`.")
    insecure_development_mode: bool = Field(
        False,
        description="Believe a bare `?userId=` and its `?roles=`. Never where strangers can connect.",
    )

    @model_validator(mode="after")
    def _one_way_to_prove(self) -> Self:
        given = [name for name in ("secret", "public_key", "public_key_file") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"set one of {', '.join(given)}, not several")
        if not given and not self.insecure_development_mode:
            raise ValueError("set secret, public_key or public_key_file; there is no default")
        if self.secret is not None and len(self.secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"secret must have at least {MIN_SECRET_BYTES} bytes")
        return self


class Transport(StrEnum):
    """What Engine.IO runs over."""

    POLLING = "polling"
    WEBSOCKET = "websocket"


def _some_transport(transports: frozenset[Transport]) -> frozenset[Transport]:
    if not transports:
        raise ValueError("clients need at least one transport")
    return transports


Transports = Annotated[
    frozenset[Transport], NoDecode, BeforeValidator(split_at_commas), AfterValidator(_some_transport)
]


class SocketSettings(Section):
    """How sockets behave."""

    transports: Transports = Field(
        frozenset(Transport),
        description="What clients may come by: `polling`, `websocket`, or both, separated by a comma. `websocket` alone"
        ' needs no sticky load balancer; a client that polls is refused, and must be told `transports: ["websocket"]`.',
    )
    ping_interval_seconds: PositiveFloat = Field(25.0, description="Time between two Engine.IO pings.")
    ping_timeout_seconds: PositiveFloat = Field(
        20.0, description="A client that does not answer a ping this long is gone."
    )
    message_max_bytes: int = Field(
        65_536,
        ge=1_024,
        le=1_000_000,
        description="Largest message from a client; a larger one closes its socket.",
    )
    waiting_conflate_bytes: int = Field(
        65_536,
        ge=1_024,
        description="Above this, messages that wait for a slow client and supersede each other keep only the latest.",
    )
    waiting_max_bytes: int = Field(
        1_048_576,
        ge=4_096,
        description="What may wait for a slow client before its socket is closed; one turn's messages may exceed it.",
    )
    connect_timeout_seconds: PositiveFloat = Field(
        20.0, description="How long a client may stay connected without saying who it is."
    )
    join_timeout_seconds: PositiveFloat = Field(
        5.0, description="How long joining a room may take, before the client is sent to try again."
    )

    @model_validator(mode="after")
    def _conflates_before_it_closes(self) -> Self:
        if self.waiting_conflate_bytes > self.waiting_max_bytes:
            raise ValueError("waiting_conflate_bytes must not be above waiting_max_bytes")
        if self.message_max_bytes > self.waiting_max_bytes:
            raise ValueError("message_max_bytes must not be above waiting_max_bytes")
        return self


class LimitSettings(Section):
    """How much one client may ask for."""

    commands_per_second: PositiveFloat = Field(20.0, description="Commands a session may send, on average.")
    commands_burst: PositiveInt = Field(40, description="Commands a session may send at once.")
    refused_commands_max: PositiveInt = Field(
        200, description="Commands refused in a row for their rate before the session is closed."
    )
    rooms_per_session: PositiveInt = Field(200, description="Rooms a session may be in.")
    sessions_per_user: PositiveInt = Field(
        20,
        description="Sessions of one user. One more on the same pod is refused; with those of other pods, which may be"
        " gone already, it is sent to try again.",
    )
    sessions_per_pod: PositiveInt = Field(50_000, description="Sessions on one pod.")
    # Each costs a pod about 2.5 ms of a core, with its token, rooms, presence and recovery: this is half of a core. A
    # small burst is enough, since more wait for their turn, and keeps those who are there already served meanwhile; see
    # docs/benchmark.md.
    handshakes_per_second: PositiveFloat = Field(
        200.0, description="New connections to one pod, on average; more wait, or are sent away for a moment, with 503."
    )
    handshakes_burst: PositiveInt = Field(20, description="New connections to one pod at once.")
    handshakes_waiting_max: int = Field(
        1_000,
        ge=0,
        description="New connections to one pod that may wait for their turn, none longer than two seconds.",
    )


class DrainSettings(Section):
    """How a pod leaves."""

    settle_seconds: float = Field(
        5.0,
        ge=0,
        description="Time between `not ready` and the first closed socket, for load balancers to notice.",
    )
    grace_seconds: PositiveFloat = Field(
        20.0, description="Time for intake to finish and for sockets to close; what is left then is cut."
    )
    # At this pace a single other pod can take all of them in; see `limits.handshakes_per_second`.
    wave_sockets: PositiveInt = Field(
        100, description="Sockets that leave together; more where so few at a time would not leave within the grace."
    )
    wave_interval_seconds: PositiveFloat = Field(
        0.5, description="Time between two waves, and between the notice to a wave and its end."
    )
    retry_after_ms: int = Field(
        3_000, ge=0, description="Clients are told to come back after a random time up to this."
    )
