"""Pure: from so many sockets and so much that is told to pods, Redis, partitions, memory and network."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from annotated_types import Le

from model import costs
from model.constants import ROOMS_A_USER, Constants
from realtime.resumption.redis import ROUNDS_PER_LIFETIME
from realtime.settings.clients import SocketSettings
from realtime.settings.recovery import RecoverySettings
from realtime.settings.redis import RedisSettings
from realtime.settings.sections import StatsSettings
from scale.figures import US_PER_SECOND

# Settings are as they are where nobody sets them.
PING_SECONDS: Final = SocketSettings().ping_interval_seconds
# A ping that is written and a pong that is read, each taken for as dear as a delivery.
DELIVERIES_A_PING: Final = 2
KEPT_AGAIN_SECONDS: Final = RecoverySettings().session_seconds / ROUNDS_PER_LIFETIME
REPORT_SECONDS: Final = StatsSettings().interval_seconds
PRIMARIES_MAX: Final = next(
    cast("int", bound.le) for bound in RedisSettings.model_fields["shards"].metadata if isinstance(bound, Le)
)
# Of an order's three messages, one goes into the admins' room, which is on one shard.
ADMINS_SHARE: Final = 1 / 3
# Ethernet, IP and TCP around a small packet.
HEADERS_BYTES: Final = 66
PARTITIONS_MIN: Final = 6
PARTITIONS_A_POD: Final = 2


@dataclass(frozen=True, slots=True)
class Mix:
    """Who is told what. Orders are of one user each; stock is told to everybody who follows it."""

    name: str
    orders_a_socket_hour: float
    admins_share: float = 0.0
    stock_events_per_second: float = 0.0
    followers_share: float = 0.0


MIXES: Final = {
    mix.name: mix
    for mix in (
        Mix("shop", orders_a_socket_hour=3.6),
        Mix("dashboard", orders_a_socket_hour=3.6, admins_share=0.01),
        Mix("stock", orders_a_socket_hour=3.6, stock_events_per_second=4.0, followers_share=1.0),
    )
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What is assumed: how full parts may be, how many sockets a pod gets, how fast pods take newcomers in."""

    pod_cores: float = 0.7
    sockets_a_pod: int = 10_000
    handshakes_per_second: float = 200.0
    redis_cores: float = 0.5
    redis_bytes_per_second: float = 60e6  # half of a gigabit a second
    redis_data_bytes: float = 16e9


@dataclass(frozen=True, slots=True)
class Load:
    """So many sockets, so many orders and stock events a second."""

    sockets: int
    mix: Mix
    orders_per_second: float

    @classmethod
    def of(cls, sockets: int, mix: Mix, orders_per_second: float | None = None) -> "Load":
        """As the mix has it, or with so many orders a second."""
        orders = sockets * mix.orders_a_socket_hour / 3_600 if orders_per_second is None else orders_per_second
        return cls(sockets, mix, orders)

    @property
    def admins(self) -> int:
        """Sockets that hear of every order."""
        return round(self.sockets * self.mix.admins_share)

    @property
    def followers(self) -> int:
        """Sockets that hear of all stock."""
        return round(self.sockets * self.mix.followers_share)

    @property
    def stock_per_second(self) -> float:
        """Stock events a second."""
        return self.mix.stock_events_per_second

    @property
    def records_per_second(self) -> float:
        """All that Kafka has a second."""
        return self.orders_per_second + self.stock_per_second

    @property
    def hot_messages_per_second(self) -> float:
        """Messages a second of rooms that all pods have members of; each pod hears them all."""
        orders = self.orders_per_second if self.admins else 0.0
        return orders + (self.stock_per_second if self.followers else 0.0)

    @property
    def hot_deliveries_per_second(self) -> float:
        """… and what they come to, written to each member."""
        return self.admins * self.orders_per_second + self.followers * self.stock_per_second

    @property
    def deliveries_per_second(self) -> float:
        """Messages written to sockets a second."""
        return ROOMS_A_USER * self.orders_per_second + self.hot_deliveries_per_second


@dataclass(frozen=True, slots=True)
class RedisCores:
    """What Redis has to do, in cores, by who of its primaries has to do it.

    `spread` is shared by all. `every` is done by each of them: a batch is told to each shard, whatever it has for it,
    and so beats a pod's heart. `hot` is done by one: a room is on one shard, and sessions are kept in the first.
    """

    spread: float
    every: float
    hot: float

    @property
    def fixed(self) -> float:
        """What the busiest primary has to do however many there are."""
        return self.every + self.hot

    def busiest(self, primaries: int) -> float:
        """What the busiest of so many has to do."""
        return self.spread / primaries + self.fixed


@dataclass(frozen=True, slots=True)
class Projection:
    """What a load needs. Cores are of one core; bytes a second are sums over the cluster.

    Intake is done by as many pods as there are partitions: `busiest_pod_cores` is one's that takes in,
    `other_pod_cores` one's that does not. `redis_primaries` is what memory, network and spread work ask for.
    """

    load: Load
    pods: int
    busiest_pod_cores: float
    other_pod_cores: float
    intake_pods: int
    partitions: int
    redis: RedisCores
    redis_primaries: int
    redis_in_bytes_per_second: float
    redis_out_bytes_per_second: float
    client_bytes_per_second: float
    pods_bytes: float
    kernel_bytes: float
    redis_data_bytes: float
    back_seconds: float
    directory_bytes_per_second: float

    @property
    def is_possible(self) -> bool:
        """Whether there may be so many primaries, and none has to do more than a core can."""
        return self.redis_primaries <= PRIMARIES_MAX and self.redis.fixed < 1

    @property
    def redis_busiest_cores(self) -> float:
        """What the busiest primary has to do."""
        return self.redis.busiest(self.redis_primaries)


def project(load: Load, constants: Constants, budget: Budget | None = None) -> Projection:
    """Say what a load needs."""
    budget, c = budget or Budget(), constants
    intake_pods = intake_pods_for(load, c, budget)
    partitions = partitions_for(load, c, budget)
    pods = pods_for(load, c, budget, partitions)
    redis = redis_shares(load, c, pods, partitions)
    directory = directory_bytes(load, c, pods)
    bytes_out = directory + costs.redis_bytes_out(c, pods, load.records_per_second, copies(load, pods))
    data = load.sockets * c.kept_of_a_socket_bytes
    primaries = max(
        1,
        # Where what is fixed fills more than half of a primary, what is spread gets the other half.
        math.ceil(redis.spread / max(budget.redis_cores - redis.fixed, budget.redis_cores / 2)),
        math.ceil(bytes_out / budget.redis_bytes_per_second),
        math.ceil(data / budget.redis_data_bytes),
    )
    newcomers = min(pods * budget.handshakes_per_second, US_PER_SECOND / newcomer_us(c, primaries))
    pings = 2 * load.sockets / PING_SECONDS
    return Projection(
        load=load,
        pods=pods,
        busiest_pod_cores=cores_of_busiest_pod(load, c, pods, partitions),
        other_pod_cores=cores_of_a_pod(load, c, pods, 0.0),
        intake_pods=intake_pods,
        partitions=partitions,
        redis=redis,
        redis_primaries=primaries,
        redis_in_bytes_per_second=costs.redis_bytes_in(c, pods, load.records_per_second),
        redis_out_bytes_per_second=bytes_out,
        client_bytes_per_second=load.deliveries_per_second * (c.message_bytes + HEADERS_BYTES) + pings * HEADERS_BYTES,
        pods_bytes=pods * c.pod_bytes + load.sockets * c.socket_in_pod_bytes,
        kernel_bytes=load.sockets * c.socket_in_kernel_bytes,
        redis_data_bytes=data,
        back_seconds=load.sockets / newcomers,
        directory_bytes_per_second=directory,
    )


# -- pods -------------------------------------------------------------------------------------------------------------


def cores_of_a_pod(load: Load, c: Constants, pods: int, records_per_second: float) -> float:
    """What each of so many pods spends: on what it takes in, its share of messages and pings, and all hot messages."""
    heard = ROOMS_A_USER * load.orders_per_second / pods + load.hot_messages_per_second
    deliveries = load.deliveries_per_second + DELIVERIES_A_PING * load.sockets / PING_SECONDS
    return costs.pod_cores(c, records_per_second, heard, deliveries / pods)


def cores_of_busiest_pod(load: Load, c: Constants, pods: int, partitions: int) -> float:
    """… one of those that take in: no more of them than there are partitions."""
    return cores_of_a_pod(load, c, pods, load.records_per_second / min(pods, partitions))


def pods_for(load: Load, c: Constants, budget: Budget, partitions: int) -> int:
    """How many pods, one of which may be away, so that the busiest is not too busy."""
    _, allowed = _filled(load, c, budget)
    by_work = _least(lambda pods: cores_of_busiest_pod(load, c, pods, partitions) <= allowed)
    return max(by_work, math.ceil(load.sockets / budget.sockets_a_pod)) + 1


def partitions_for(load: Load, c: Constants, budget: Budget) -> int:
    """How many partitions of the orders' topics.

    Two for each pod of intake alone; and so many that one of them leaves half of a pod to sockets.
    """
    hot, allowed = _filled(load, c, budget)
    by_work = _least(
        lambda partitions: (
            costs.pod_cores(c, load.records_per_second / partitions, load.hot_messages_per_second, 0.0) - hot
            <= (allowed - hot) / 2
        )
    )
    return max(PARTITIONS_MIN, PARTITIONS_A_POD * intake_pods_for(load, c, budget), by_work)


def _filled(load: Load, c: Constants, budget: Budget) -> tuple[float, float]:
    """How much of a pod hot messages take, and how much may be taken.

    Hot messages are no fewer for each of more pods. Where they fill more than half of what a pod may be filled with,
    the rest gets the other half, and pods are busier than they should be.
    """
    hot = costs.pod_cores(c, 0.0, load.hot_messages_per_second, 0.0)
    return hot, hot + max(budget.pod_cores - hot, budget.pod_cores / 2)


def intake_pods_for(load: Load, c: Constants, budget: Budget) -> int:
    """How many pods, if they have no sockets."""
    return _least(lambda pods: costs.pod_cores(c, load.records_per_second / pods, 0.0, 0.0) <= budget.pod_cores)


def _least(is_enough: Callable[[int], bool]) -> int:
    """The least number from 1 on that is enough, where each larger one is, too."""
    high = 1
    while not is_enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


# -- Redis ------------------------------------------------------------------------------------------------------------


def copies(load: Load, pods: int) -> float:
    """Copies of messages that Redis sends a second: one to each pod that has a member of the room."""
    return ROOMS_A_USER * load.orders_per_second + hot_copies(load, pods)


def hot_copies(load: Load, pods: int) -> float:
    """… those of rooms that all pods have members of."""
    return load.orders_per_second * min(pods, load.admins) + load.stock_per_second * min(pods, load.followers)


def redis_shares(load: Load, c: Constants, pods: int, partitions: int) -> RedisCores:
    """Say what Redis has to do. That part of a record's cost which falls with its batch is taken for the call's.

    A batch is of one partition: orders have so many, stock has one.
    """
    orders, stock = load.orders_per_second, load.stock_per_second
    entries_us = c.redis_batched_record_us
    calls_us = orders * (c.redis_record_at.at(orders / partitions) - entries_us)
    calls_us += stock * (c.redis_record_at.at(stock) - entries_us)
    spread_us = (1 - ADMINS_SHARE) * orders * entries_us + ROOMS_A_USER * orders * c.redis_copy_us
    hot_us = (ADMINS_SHARE * orders + stock) * entries_us + hot_copies(load, pods) * c.redis_copy_us
    hot_us += load.sockets / KEPT_AGAIN_SECONDS * c.redis_session_us
    return RedisCores(
        spread=spread_us / US_PER_SECOND,
        every=c.redis_idle_cores + (pods * c.redis_pod_us + calls_us) / US_PER_SECOND,
        hot=hot_us / US_PER_SECOND,
    )


def newcomer_us(c: Constants, primaries: int) -> float:
    """What each newcomer costs the first shard: it keeps the sessions of all, and its share of their devices."""
    return c.redis_newcomer_session_us + c.redis_newcomer_device_us / primaries


def directory_bytes(load: Load, c: Constants, pods: int) -> float:
    """What pods that have admins read of each other, a second: each of them reads of all."""
    return min(pods, load.admins) * pods * c.pod_report_bytes / REPORT_SECONDS
