"""Looking at Kafka: its brokers, our topics, our group."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

from aiokafka.errors import KafkaError

from realtime.doctor.clock import judge_newest_record
from realtime.doctor.finding import KAFKA, Finding
from realtime.doctor.kafka_facts import CLIENT_ID, EARLIEST, LATEST, Group, KafkaFacts, Topic
from realtime.doctor.kafka_verdicts import KafkaVerdicts
from realtime.doctor.looking import describe, look_at, look_at_all
from realtime.errors import KafkaUnavailable
from realtime.intake.connection import make_client, stop_quietly
from realtime.settings import KafkaSettings

REQUEST_SECONDS: Final = 5.0
# Several looks together, each with a limit of its own.
TOPICS_SECONDS: Final = 20.0
NOT_LOOKED_AT: Final = "topics, permissions, group, lag"


async def look_at_kafka(settings: KafkaSettings) -> list[Finding]:
    """Everything about Kafka; where it cannot be reached, that alone."""
    patience = min(REQUEST_SECONDS, settings.request_timeout_seconds)
    settings = settings.model_copy(update={"request_timeout_seconds": patience})
    try:
        async with open_kafka(settings) as facts:
            reached = KAFKA.ok("reachable", settings.bootstrap_servers)
            return [reached, *await _look_at_all(facts, settings)]
    except (KafkaUnavailable, KafkaError, OSError, TimeoutError, ValueError) as error:
        mend = (
            "start Kafka, let this machine reach it, or mend REALTIME_KAFKA__BOOTSTRAP_SERVERS, __SECURITY_PROTOCOL,"
            f" __SASL_*; kafka-broker-api-versions.sh --bootstrap-server {settings.bootstrap_servers}"
        )
        return [
            KAFKA.fail("reachable", str(error) if isinstance(error, KafkaUnavailable) else describe(error), mend),
            KAFKA.warn("the rest", f"not looked at: {NOT_LOOKED_AT}", "mend that first, then run again"),
        ]


@asynccontextmanager
async def open_kafka(settings: KafkaSettings) -> AsyncIterator[KafkaFacts]:
    """Connect. Raises `KafkaUnavailable`, with the reason that aiokafka otherwise only logs."""
    client = make_client(settings, CLIENT_ID)
    try:
        with _why_not() as reasons:
            try:
                await client.bootstrap()
            except KafkaError as error:
                raise KafkaUnavailable("; ".join(dict.fromkeys(reasons)) or describe(error)) from error
        yield KafkaFacts(client, settings)
    finally:
        await stop_quietly(client.close())


async def _look_at_all(facts: KafkaFacts, settings: KafkaSettings) -> list[Finding]:
    brokers, away = await facts.unreachable_brokers()
    verdicts = KafkaVerdicts(settings, brokers)
    found = [verdicts.judge_brokers(away)]
    if away:
        return [*found, KAFKA.warn("the rest", f"not looked at: {NOT_LOOKED_AT}", "mend that first, then run again")]
    group = Group("")

    async def in_group() -> list[Finding]:
        nonlocal group
        group = await facts.group()
        return [verdicts.judge_group(group)]

    async def topics() -> list[Finding]:
        return await _topics(facts, verdicts, settings, group)

    # Whether partitions are enough depends on how many pods share them.
    of_group = await look_at(KAFKA, f"group {settings.group_id}", in_group)
    return [*found, *await look_at(KAFKA, "topics", topics, TOPICS_SECONDS), *of_group]


async def _topics(facts: KafkaFacts, verdicts: KafkaVerdicts, settings: KafkaSettings, group: Group) -> list[Finding]:
    names = list(settings.topics.by_event().values())
    topics = await facts.topics([*names, settings.dead_letter_topic])
    events, letters = [topics[name] for name in names], topics[settings.dead_letter_topic]
    there = [topic for topic in events if topic.exists]
    begins, ends = await facts.offsets(there, EARLIEST), await facts.offsets(there, LATEST)
    newest: list[float] = []

    async def event_topic(topic: Topic) -> list[Finding]:
        error, seconds = await facts.read_newest(topic, ends) if topic.exists else (None, None)
        if seconds is not None:
            newest.append(seconds)
        return verdicts.judge_event_topic(topic, group.members, error)

    async def dead_letters() -> list[Finding]:
        takes = [int(topic.configs["max.message.bytes"]) for topic in there if "max.message.bytes" in topic.configs]
        error = await facts.try_to_write(letters) if letters.exists else None
        return verdicts.judge_dead_letters(letters, error, max(takes, default=None))

    async def lag() -> list[Finding]:
        return verdicts.judge_lag(await facts.committed(there), begins, ends, group.members)

    looks = [look_at(KAFKA, f"topic {topic.name}", partial(event_topic, topic)) for topic in events]
    looks.append(look_at(KAFKA, f"topic {letters.name}", dead_letters))
    if there and not group.error:
        looks.append(look_at(KAFKA, "lag", lag))
    found = await look_at_all(looks)
    return [*found, judge_newest_record(max(newest) - time.time())] if newest else found


@contextmanager
def _why_not() -> Iterator[list[str]]:
    """Collect what aiokafka logs of connections that it cannot make."""
    reasons: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reasons.append(record.getMessage())

    logger, handler = logging.getLogger("aiokafka"), Listening(logging.WARNING)
    was, propagated = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield reasons
    finally:
        logger.removeHandler(handler)
        logger.setLevel(was)
        logger.propagate = propagated
