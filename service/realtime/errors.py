"""Every error that we raise on purpose; each class knows its treatment.

    RealtimeError                 code, retryable, HTTP status
    ├─ ConfigurationError         stop at start, name the setting
    ├─ RecordError                dead letter, never retried
    │  ├─ UnreadableRecord        not UTF-8, not JSON, no value, too large
    │  ├─ UnknownEventType        nobody declared this type of event
    │  └─ InvalidEvent            declared, but its fields break the contract
    ├─ DependencyError            retried with backoff
    │  ├─ KafkaUnavailable
    │  └─ RedisUnavailable
    ├─ ClientError                told to the client
    │  ├─ Unauthenticated         no token, or one that we do not believe
    │  ├─ TokenExpired            believed once; fetch a new one
    │  ├─ Forbidden               known, but not allowed
    │  ├─ RateLimited             slower
    │  ├─ LimitExceeded           as many as you may have
    │  │  └─ TooManyForNow        some of them may be gone already; come back
    │  └─ InvalidCommand          unknown, or its payload breaks the contract
    └─ Draining                   come back elsewhere

Anything else is a bug: it is logged with its trace, counted, and never swallowed.
"""

from typing import ClassVar


class RealtimeError(Exception):
    """Base of all errors that are raised on purpose.

    `code` is the stable, machine-readable name that clients and logs see.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500


class ConfigurationError(RealtimeError):
    """A setting is unknown, missing, or contradicts another; the process does not start."""

    code = "configuration"


class RecordError(RealtimeError):
    """A Kafka record cannot become an event; it goes to the dead-letter topic and is never retried."""

    code = "record"
    http_status = 422


class UnreadableRecord(RecordError):
    """The bytes are not a JSON object in UTF-8, or there are none, or too many."""

    code = "unreadable_record"


class UnknownEventType(RecordError):
    """The record names a type of event that is not in the catalog."""

    code = "unknown_event_type"


class InvalidEvent(RecordError):
    """The record names a known event, but its fields break the contract."""

    code = "invalid_event"


class DependencyError(RealtimeError):
    """A system that we stand on did not do its part; worth another try."""

    code = "dependency_unavailable"
    retryable = True
    http_status = 503


class KafkaUnavailable(DependencyError):
    """Kafka could not be reached, or refused for now."""

    code = "kafka_unavailable"


class RedisUnavailable(DependencyError):
    """Redis could not be reached, or refused for now."""

    code = "redis_unavailable"


class ClientError(RealtimeError):
    """Something the client did, said to the client in its own words."""

    code = "client"
    http_status = 400


class Unauthenticated(ClientError):
    """There is no token, or it is not one that we believe."""

    code = "unauthenticated"
    http_status = 401


class TokenExpired(ClientError):
    """The token was good once; the client fetches a new one and comes back."""

    code = "token_expired"
    retryable = True
    http_status = 401


class Forbidden(ClientError):
    """The identity is known, but may not do this."""

    code = "forbidden"
    http_status = 403


class RateLimited(ClientError):
    """Too many commands in too little time."""

    code = "rate_limited"
    retryable = True
    http_status = 429


class LimitExceeded(ClientError):
    """The identity or its session has as many of something as it may have."""

    code = "limit_exceeded"
    http_status = 429


class TooManyForNow(LimitExceeded):
    """Counting what other pods hold, and that may be gone already: the client comes back, and is counted anew."""

    code = "too_many_for_now"
    retryable = True


class InvalidCommand(ClientError):
    """The command is unknown, or its payload breaks the contract."""

    code = "invalid_command"


class Draining(RealtimeError):
    """This pod is leaving; another one will take the client."""

    code = "draining"
    retryable = True
    http_status = 503
