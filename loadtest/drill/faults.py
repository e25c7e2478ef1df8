"""What is broken in a drill, and for how long."""

import asyncio
from typing import Final

from chaos.crowd import Crowd
from chaos.faults import PRESENCE_LAGS, Fault
from chaos.stage import Stage

# In a drill the fault lasts as long as those who are told take to be told.
HOLD_SECONDS: Final = {"redis_away": 60.0, "kafka_away": 90.0, "pod_killed": 150.0}


class RedisAway(Fault):
    """Redis is killed, and started again with its data."""

    name = "redis_away"
    promise = "6: while Redis is away intake waits and sockets stay; then it catches up"
    terms = PRESENCE_LAGS

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        """See `Fault.strike`."""
        await stage.redis.kill()
        await asyncio.sleep(self.hold_seconds)
        await stage.redis.start()


class KafkaAway(Fault):
    """The only broker is killed, and started again with its data."""

    name = "kafka_away"
    promise = "6: while Kafka is away sockets go on; then intake goes on where it was"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        """See `Fault.strike`."""
        await stage.kafka.kill()
        await asyncio.sleep(self.hold_seconds)
        await stage.kafka.start()


class PodKilled(Fault):
    """One pod of three is killed, and started again."""

    name = "pod_killed"
    promise = "1, 3: a pod killed at any instant is continued by another; its clients go on elsewhere"
    terms = PRESENCE_LAGS

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        """See `Fault.strike`."""
        await stage.pods[0].kill()
        await asyncio.sleep(self.hold_seconds)
        await stage.pods[0].start()


FAULTS: Final[dict[str, type[Fault]]] = {fault.name: fault for fault in (RedisAway, KafkaAway, PodKilled)}
