"""An event: a validated fact, and where and when it comes from."""

from dataclasses import dataclass

from realtime.events.fact import Fact


@dataclass(slots=True)
class Event:
    """A validated fact, past tense.

    `id` is unique for the producer's fact (CloudEvents id, header `event-id`, or `topic:partition:offset`), so a fact
    that is published twice can be told from two facts. `occurred_ms` is the Kafka record's timestamp, in milliseconds
    since the Unix epoch. `traceparent` continues the producer's trace (W3C Trace Context). `is_measured`: how late it
    is tells something of us; what was asked for by REST, or is replayed, does not.
    """

    id: str
    type: str
    fact: Fact
    occurred_ms: int
    traceparent: str | None = None
    is_measured: bool = True
