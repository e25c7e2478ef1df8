"""One number of pods: started, loaded in phases, and one pod more that comes and goes."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

from redis.asyncio import Redis

from observe.processes import resident_bytes
from parts import scrape
from parts.apache_kafka import ApacheKafka
from parts.embedded_kafka import EmbeddedKafka
from parts.pod import Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import DEAD_LETTERS, EVENT_TOPICS, Topics
from realtime.redis.keys import Keys
from scale import crowd, producer
from scale.crowd import Crowd, judge
from scale.outcome import BURST_TIMES, Memberless, Phase, Rebalance, Step, Work, rebalance
from scale.producer import Produced, Producer
from scale.readings import Reader, pod_counts
from tool.errors import Failed
from tool.quantities import percentile

# Of the topic of orders; the five others have one each, so that the group shares out orders nearly evenly.
PARTITIONS_A_POD: Final = 8
# Of `seconds`: what each pod says once has been said by then; and how long all must be calm behind a rebalance.
SETTLE_SHARE: Final = 0.1
CALM_SHARE: Final = 0.5
OF_ORDERS: Final = (crowd.ORDER, crowd.NOTIFICATION)

Say = Callable[[str], None]


class PodEnded(Failed):
    """A pod has ended that nobody told to: what was measured is worth nothing."""


class Parts:
    """The Kafka and the Redis that all steps share, each step under names of its own."""

    def __init__(self, directory: Path, kafka: ApacheKafka | EmbeddedKafka) -> None:
        self.directory = directory
        self.kafka = kafka
        self.redis = RedisServer(directory / "redis")
        self.issuer = Issuer.hs256()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(self.kafka.start(), self.redis.start())
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(self.kafka.kill(), self.redis.kill())


class Stage:
    """The pods of one step, one pod more that is not started yet, and those who talk to them."""

    def __init__(self, parts: Parts, topics: Topics, step: Step, kafka: Producer, say: Say, *, bursts: bool) -> None:
        self.step = step
        *self.pods, self.newcomer = (_pod(parts, topics, number) for number in range(step.pods + 1))
        self._say = say
        self._bursts = bursts
        self._keys = Keys(topics.prefix)
        self._kafka = kafka
        self._crowd = Crowd(self.pods, step.work.users, parts.issuer)
        self._redis = Redis.from_url(parts.redis.url)
        self._parts = parts

    async def start(self) -> None:
        """Start the pods, all at once."""
        async with asyncio.TaskGroup() as starting:
            for pod in self.pods:
                starting.create_task(pod.start())

    async def stop(self) -> None:
        """End all that was started."""
        self._crowd.leave()
        await asyncio.gather(*(pod.kill() for pod in (*self.pods, self.newcomer)))
        await self._redis.flushall()  # what expires meanwhile would be another step's cost
        await self._redis.aclose()

    async def run(self) -> Step:
        """Go through all phases."""
        work, step = self.step.work, self.step
        await self._settle()
        await self._phase("idle", work.seconds / 2)
        await self._crowd.connect()
        await self._settle()
        orders = producer.ORDERS, work.events_per_second * step.pods
        await self._phase("orders", work.seconds, *orders, hears=OF_ORDERS)
        if self._bursts:
            topic, events_per_second = orders
            await self._phase("burst", work.seconds / 2, topic, BURST_TIMES * events_per_second, hears=OF_ORDERS)
        await self._one_comes_and_goes(*orders)
        await self._crowd.connect_admins()
        await self._settle()
        await self._phase("admins", work.seconds / 2, *orders, hears=(*OF_ORDERS, crowd.ADMIN))
        self._crowd.dismiss_admins()
        await self._crowd.follow_stock()
        await self._settle()
        stock = producer.STOCK, work.stock_events_per_second
        await self._phase("stock", work.seconds / 2, *stock, hears=(crowd.STOCK,))
        step.resident_bytes = statistics.fmean(resident_bytes(pod.pid) for pod in self.pods)
        step.judgement.reconnects = self._crowd.reconnects
        return step

    async def _settle(self) -> None:
        await asyncio.sleep(SETTLE_SHARE * self.step.work.seconds)

    async def _phase(
        self, name: str, seconds: float, topic: str = "", events_per_second: float = 0.0, hears: Sequence[str] = ()
    ) -> None:
        self._say(name)
        self._crowd.forget()
        reader = Reader(self.pods, self._redis, self._parts.redis.pid, self._parts.kafka.pid)
        before, produced = await reader.begin(), Produced()
        if topic:
            produced = await self._kafka.produce_for(seconds, topic, events_per_second)
            await self._crowd.have_heard(hears, produced)
        else:
            await asyncio.sleep(seconds)
        reading = await reader.end(before)
        judge(self.step.judgement, self._crowd, hears, produced)
        waits = [(heard - sent) * 1_000 for sent, heard in self._crowd.waits(hears, produced)]
        events, p50, p99 = len(produced.sent_at), percentile(waits, 0.5), percentile(waits, 0.99)
        self.step.phases[name] = Phase(events, len(waits), p50, p99, reading)

    async def _one_comes_and_goes(self, topic: str, events_per_second: float) -> None:
        subscriptions = await self._room_subscriptions()
        async with self._feeling(topic, events_per_second) as felt:
            self._say("a pod comes")
            began = time.monotonic()
            await self.newcomer.start()
            await asyncio.sleep(CALM_SHARE * self.step.work.seconds)
        self.step.came = felt(began)
        self.step.memberless = Memberless(
            room_subscriptions=await self._room_subscriptions() - subscriptions,
            counts=pod_counts(await scrape.metrics(self.newcomer)),
        )
        self.step.pod_report_bytes = await self._pod_report_bytes()
        async with self._feeling(topic, events_per_second) as felt:
            self._say("a pod goes")
            began = time.monotonic()
            await self.newcomer.terminate()
            await asyncio.sleep(CALM_SHARE * self.step.work.seconds)
        self.step.went = felt(began)

    @asynccontextmanager
    async def _feeling(self, topic: str, events_per_second: float) -> AsyncIterator[Callable[[float], Rebalance]]:
        """Let orders flow; then say how late they were."""
        self._crowd.forget()
        async with self._kafka.producing(topic, events_per_second) as produced:
            yield lambda began: rebalance(self._crowd.waits(OF_ORDERS, produced), began)
        await self._crowd.have_heard(OF_ORDERS, produced)
        judge(self.step.judgement, self._crowd, OF_ORDERS, produced)

    async def _room_subscriptions(self) -> int:
        """How many subscriptions of rooms there are, each pod's counted: a message goes to these and to nobody else."""
        channels = await self._redis.pubsub_channels(f"{self._keys.room}*")
        return sum(subscribers for _, subscribers in await self._redis.pubsub_numsub(*channels))

    async def _pod_report_bytes(self) -> float:
        keys = [key async for key in self._redis.scan_iter(match=self._keys.pod_report("*"), count=1_000)]
        return statistics.fmean([await self._redis.strlen(key) for key in keys])


def _pod(parts: Parts, topics: Topics, number: int) -> Pod:
    settings = {
        **topics.settings,
        **parts.issuer.settings,
        "REALTIME_REDIS__URL": parts.redis.url,
        "REALTIME_REDIS__KEY_PREFIX": topics.prefix,
        "REALTIME_LOG__LEVEL": "warning",
        # It goes when it is told to: how long endpoints take to notice is not what is measured.
        "REALTIME_DRAIN__SETTLE_SECONDS": "0.5",
    }
    name = f"pod-{number}"
    return Pod(name, parts.directory / f"{topics.prefix}-{name}", settings)


async def run_step(parts: Parts, pods: int, repetition: int, work: Work, say: Say, *, bursts: bool) -> Step:
    """Measure one number of pods, over topics, keys and a group of its own. What was started is ended."""
    topics = Topics(parts.kafka, f"scale{pods}x{repetition}")
    step = Step(pods, pods * PARTITIONS_A_POD, pods * crowd.ADMINS_A_POD, work, repetition)
    say("topics and pods begin")
    await topics.create(producer.ORDERS, partitions=step.partitions)
    await topics.create(*(set(EVENT_TOPICS) - {producer.ORDERS}), DEAD_LETTERS, partitions=1)
    async with topics.producer() as kafka:
        events = Producer(topics, kafka, work.users * pods, step.partitions)
        stage = Stage(parts, topics, step, events, say, bursts=bursts)
        try:
            await stage.start()
            return await stage.run()
        except Exception as error:
            raise_if_ended(stage.pods, error)
            raise
        finally:
            await stage.stop()


def raise_if_ended(pods: Iterable[Pod], error: Exception) -> None:
    """Say which pod has ended, and its last words, where that is why something went wrong. Raises `PodEnded`."""
    for pod in pods:
        if not pod.is_running:
            raise PodEnded(f"{pod.name} has ended by itself. The end of its log:\n{pod.log_tail(5)}") from error
