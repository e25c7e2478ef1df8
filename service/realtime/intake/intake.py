"""All of a pod's intake: the group's consumer, and the producer for dead letters."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from realtime.broker.base import Broker
from realtime.delivery.publisher import Publisher
from realtime.errors import DependencyError, KafkaUnavailable
from realtime.intake.connection import make_admin, make_consumer, make_producer, stop_client
from realtime.intake.consumer import GroupConsumer
from realtime.intake.dead_letter import DeadLetterTopic
from realtime.intake.decode import Decoder
from realtime.intake.pipeline import Pipeline
from realtime.resilience.breaker import Breakers
from realtime.resilience.retry import until_available
from realtime.routing.routes import Router
from realtime.settings import KafkaSettings
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.tracing import NO_TRACING, Tracing

log = structlog.get_logger(__name__)

# Kafka's usual number; fewer where there are fewer brokers.
DEAD_LETTER_REPLICAS = 3
# It holds nothing back: each dead letter is waited for when it is sent.
STOP_PRODUCER_SECONDS = 2.0


class Intake:
    """Takes events in from Kafka: `run` until `stop`."""

    def __init__(
        self,
        settings: KafkaSettings,
        client_id: str,
        router: Router,
        publisher: Publisher,
        broker: Broker,
        breakers: Breakers,
        metrics: Metrics,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._router = router
        self._publisher = publisher
        self._broker = broker
        self._breakers = breakers
        self._metrics = metrics
        self._tracing = tracing
        self._producer: AIOKafkaProducer | None = None
        self._began_at: float | None = None
        self._running: asyncio.Task[None] | None = None
        self._consumer: GroupConsumer | None = None

    @property
    def has_joined(self) -> bool:
        """Whether the group has given this pod its share of partitions, be it empty."""
        return self._consumer is not None and self._consumer.has_joined

    @property
    def trouble(self) -> str | None:
        """What is the matter, for people; None while nothing is."""
        return None if self._consumer is None else self._consumer.trouble

    def refresh_metrics(self) -> None:
        """Tell how far behind this pod is at this moment."""
        if self._consumer is not None:
            self._consumer.refresh_metrics()
        elif self._began_at is not None:
            self._metrics.unassigned.set(time.monotonic() - self._began_at)

    @property
    def assigned_partitions(self) -> int:
        """Partitions that this pod takes in now."""
        return 0 if self._consumer is None else self._consumer.assigned_partitions

    async def run(self) -> None:
        """Take in records until stopped or cancelled. Waits for Kafka for as long as it is away."""
        self._running = asyncio.current_task()
        self._began_at = time.monotonic()
        self._producer = await until_available(self._breakers.kafka, self._connect, self._note_failure)
        event_types = {topic: event for event, topic in self._settings.topics.by_event().items()}
        pipeline = Pipeline(
            Decoder(event_types, self._settings.record_max_bytes),
            self._router,
            self._publisher,
            DeadLetterTopic(self._producer, self._settings.dead_letter_topic),
            self._breakers.kafka,
            self._metrics,
            self._tracing,
            self._settings.group_id,
        )
        self._consumer = GroupConsumer(
            lambda: make_consumer(self._settings, self._client_id),
            pipeline,
            self._broker,
            self._breakers,
            self._settings,
            self._metrics,
        )
        await self._consumer.run()

    async def stop(self) -> None:
        """Finish the batches under way, commit, leave the group, and end `run`, whatever it is waiting for."""
        try:
            if self._consumer is not None:
                await self._consumer.stop()
        finally:
            if self._running is not None:
                self._running.cancel()
        if self._producer is not None:
            await stop_client(self._producer, STOP_PRODUCER_SECONDS)

    async def _connect(self) -> AIOKafkaProducer:
        producer = make_producer(self._settings, self._client_id)
        try:
            await producer.start()
            await self._look_at_topics()
        except (KafkaError, OSError) as error:
            await stop_client(producer, STOP_PRODUCER_SECONDS)
            raise KafkaUnavailable(f"cannot connect to Kafka: {error!r}") from error
        except asyncio.CancelledError:
            await stop_client(producer, STOP_PRODUCER_SECONDS)
            raise
        return producer

    async def _look_at_topics(self) -> None:
        """Tell which topics are missing; create the one that is ours, for without it a poison record would wait."""
        admin = make_admin(self._settings, self._client_id)
        await admin.start()
        try:
            existing = set(await admin.list_topics())
            missing = sorted(set(self._settings.topics.by_event().values()) - existing)
            if missing:
                log.warning("topics_missing", topics=missing, help="They are taken in as soon as they exist.")
            ours = self._settings.dead_letter_topic
            if ours not in existing:
                brokers = len((await admin.describe_cluster())["brokers"])
                topic = NewTopic(ours, num_partitions=1, replication_factor=min(brokers, DEAD_LETTER_REPLICAS))
                reply = await admin.create_topics([topic])
                codes = {error[1] for error in reply.topic_errors} - {0, TopicAlreadyExistsError.errno}
                if codes:
                    # The pod takes in what is good; the first record that is not will wait until the topic is there.
                    log.error(
                        "dead_letter_topic_missing",
                        topic=ours,
                        kafka_error_codes=sorted(codes),
                        help="Create it by hand.",
                    )
                else:
                    log.info("dead_letter_topic_created", topic=ours)
        finally:
            await admin.close()

    def _note_failure(self, error: DependencyError) -> None:
        log.warning("kafka_unavailable", error=str(error))
