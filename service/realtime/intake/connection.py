"""How Kafka is connected to."""

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from realtime.intake.partitioned import PartitionedConsumer
from realtime.intake.resets import expect_resets
from realtime.settings import KafkaSettings

log = structlog.get_logger(__name__)

# Far above what a transaction takes; of Kafka's own default, a minute, live topics would notice more.
TRANSACTION_TIMEOUT_MS = 20_000

STOP_QUIETLY_SECONDS: Final = 5.0
# How the group divides partitions: a busy topic is everybody's share. The sticky one counts partitions alone: it may
# leave all of a topic to one pod, and spares nobody anything, since in a rebalance aiokafka takes all partitions from
# everybody. Who offers another one is not let into the group: to change this, stop all pods that take in at once.
ASSIGNOR: Final = RoundRobinPartitionAssignor

expect_resets()


def make_consumer(settings: KafkaSettings, client_id: str) -> PartitionedConsumer:
    """Make the group's consumer; it commits only what it is told to, and fetches no more than is being worked on."""
    return PartitionedConsumer(
        **_common(settings, client_id),
        group_id=settings.group_id,
        enable_auto_commit=False,
        # What becomes of a place that Kafka does not have, `PartitionWorker` decides.
        auto_offset_reset="none",
        # What a producer's transaction has taken back, is no fact.
        isolation_level="read_committed",
        partition_assignment_strategy=(ASSIGNOR,),
        session_timeout_ms=int(settings.session_timeout_seconds * 1_000),
        heartbeat_interval_ms=int(settings.heartbeat_interval_seconds * 1_000),
        max_partition_fetch_bytes=settings.fetch_max_bytes_per_partition,
        fetch_max_wait_ms=int(settings.fetch_wait_seconds * 1_000),
        max_poll_records=settings.batch_max_records,
        metadata_max_age_ms=int(settings.metadata_refresh_seconds * 1_000),
    )


def make_producer(settings: KafkaSettings, client_id: str) -> AIOKafkaProducer:
    """Make the producer for dead letters: kept only once all in-sync replicas have it."""
    return AIOKafkaProducer(
        **_common(settings, client_id),
        acks="all",
        max_request_size=max_request_bytes(settings),
    )


def max_request_bytes(settings: KafkaSettings) -> int:
    """How large a record we write: a dead letter has its record's size, and the reason's headers on top."""
    return settings.fetch_max_bytes_per_partition * 2


def make_reader(settings: KafkaSettings, client_id: str) -> AIOKafkaConsumer:
    """Make a consumer that belongs to no group, and reads where it is told to."""
    return AIOKafkaConsumer(
        **_common(settings, client_id),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=settings.fetch_max_bytes_per_partition,
    )


def make_transactional_producer(settings: KafkaSettings, client_id: str, transactional_id: str) -> AIOKafkaProducer:
    """Make a producer whose transactions are kept whole or not at all; starting one shuts out any other of that id."""
    return AIOKafkaProducer(
        **_common(settings, client_id),
        transactional_id=transactional_id,
        # Readers of what is committed wait for one that was killed in the middle, live topics' pods among them.
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        max_request_size=max_request_bytes(settings),
    )


def make_admin(settings: KafkaSettings, client_id: str) -> AIOKafkaAdminClient:
    """Make the client that asks about topics, and creates the dead-letter topic."""
    return AIOKafkaAdminClient(**_common(settings, client_id))


def make_client(settings: KafkaSettings, client_id: str) -> AIOKafkaClient:
    """Make what sends single requests, for who asks what the others have no questions for."""
    return AIOKafkaClient(**_common(settings, client_id))


async def stop_quietly(stopping: Coroutine[None, None, None]) -> None:
    """Stop a client; what goes wrong has been told already, or does not matter any more.

    As a task of its own: aiokafka may raise CancelledError, which is its own tasks' and not ours.
    """
    task = asyncio.ensure_future(stopping)
    await asyncio.wait({task}, timeout=STOP_QUIETLY_SECONDS)
    if not task.cancel() and not task.cancelled():
        task.exception()


async def stop_client(client: AIOKafkaConsumer | AIOKafkaProducer, timeout_seconds: float) -> None:
    """Stop a client, and go on even if it cannot: while brokers are down it may wait for them, or raise.

    What it may raise is CancelledError among others, its own tasks' and not ours, which must not end the drain.
    """
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=timeout_seconds)
    if not stopping.done():
        stopping.cancel()
        log.warning("kafka_client_stop_timed_out", client=type(client).__name__)
    elif stopping.cancelled() or stopping.exception() is not None:
        log.warning("kafka_client_stop_failed", client=type(client).__name__)


def _common(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    common: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": client_id,
        "request_timeout_ms": int(settings.request_timeout_seconds * 1_000),
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=settings.ssl_ca_file)
        if settings.ssl_certificate_file is not None:
            context.load_cert_chain(settings.ssl_certificate_file, settings.ssl_key_file)
        common["ssl_context"] = context
    if settings.security_protocol.startswith("SASL"):
        assert settings.sasl_password is not None  # KafkaSettings has checked it
        common["sasl_mechanism"] = settings.sasl_mechanism
        common["sasl_plain_username"] = settings.sasl_username
        common["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return common
