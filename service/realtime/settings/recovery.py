"""What is kept, so that nobody who returns has missed anything."""

from pydantic import Field, PositiveInt

from realtime.settings.section import Section


class HistorySettings(Section):
    """What is kept of each room, so that nobody who returns has missed anything."""

    max_messages_per_room: PositiveInt = Field(
        1_000, description="Newest messages that are kept of a room (Redis may keep somewhat more)."
    )
    retention_seconds: PositiveInt = Field(
        86_400,
        description="A room's history is kept at least this long, and at most twice, after its newest message.",
    )
    idempotency_key_seconds: PositiveInt = Field(
        86_400, description="How long a REST request's `Idempotency-Key` is remembered."
    )


class PresenceSettings(Section):
    """How pods know which devices a user has on all of them."""

    lease_seconds: float = Field(
        5.0,
        ge=0.5,
        description="A pod that falls silent this long is gone, and its devices with it; renewed five times as often.",
    )


class RecoverySettings(Section):
    """How clients that return go on where they broke off."""

    session_seconds: PositiveInt = Field(
        600,
        description="How long a session can be resumed after its client has gone; each takes 0.5 KB of Redis.",
    )
    max_messages: PositiveInt = Field(
        5_000,
        description="Missed messages that a client is told when it returns; of more, it has to start anew. A message of"
        " several of its rooms counts for each.",
    )
    concurrent_max: PositiveInt = Field(
        2,
        description="Clients of one pod that are told at once what they missed; others wait their turn, but not for"
        " clients that are slow to read.",
    )


class OfflineSettings(Section):
    """What a user is told who comes back after having been away with all devices."""

    max_messages: PositiveInt = Field(
        100,
        description="The newest messages that wait for a user, at most; no more than are kept of a room"
        " (`history.max_messages_per_room`).",
    )
    max_age_seconds: PositiveInt = Field(
        86_400, description="How old they may be; histories must be kept as long (`history.retention_seconds`)."
    )
