"""Where the design bends, by the constants, and what the next step is there."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from model.constants import Constants
from model.project import (
    KEPT_AGAIN_SECONDS,
    REPORT_SECONDS,
    Budget,
    Load,
    Mix,
    Projection,
    hot_copies,
    newcomer_us,
    project,
)
from scale.figures import US_PER_SECOND
from tool.quantities import GB, MB

# Where a mix reaches a bend is looked for at these sizes, each a tenth larger than the one before.
SIZES: Final = tuple(round(1_000 * 10 ** (step / 24)) for step in range(97))


@dataclass(frozen=True, slots=True)
class Bend:
    """Something that does not grow with pods, and what one does then.

    It is reached where `amount` is more than `threshold`, and nowhere else; `says` is the threshold in words.
    """

    name: str
    what: str
    amount: Callable[[Projection, Constants, Budget], float]
    threshold: Callable[[Constants, Budget], float]
    says: Callable[[float, Constants], str]
    next_step: str

    def is_reached(self, projection: Projection, constants: Constants, budget: Budget) -> bool:
        """Whether a projection is beyond it."""
        return self.amount(projection, constants, budget) > self.threshold(constants, budget)

    def begins(self, constants: Constants, budget: Budget) -> str:
        """The threshold in words."""
        return self.says(self.threshold(constants, budget), constants)


BENDS: Final = (
    Bend(
        "primary",
        "one Redis primary: its core",
        lambda p, _c, _b: p.redis.busiest(1),
        lambda _c, b: b.redis_cores,
        lambda cores, _c: f"{cores:.0%} of it busy, if there were but one",
        "`redis.shards` and a Cluster. Messages and copies are spread; a call for each batch is not, it goes to every "
        "shard: no more partitions than intake needs, so that batches are larger",
    ),
    Bend(
        "hot room",
        "a room with members on every pod: a copy to each, all from its shard's primary",
        lambda p, c, _b: hot_copies(p.load, p.pods) * c.redis_copy_us / US_PER_SECOND,
        lambda _c, b: b.redis_cores / 2,
        lambda cores, c: f"{cores:.0%} of its core: {cores * US_PER_SECOND / c.redis_copy_us:,.0f} copies a second",
        "gather its members on few pods (a Deployment of their own for admins), or tell them less: sums instead of "
        "each event. More shards do not help",
    ),
    Bend(
        "fan-out",
        "a hot room's members on one pod",
        lambda p, _c, _b: p.load.hot_deliveries_per_second / p.pods,
        lambda c, b: b.pod_cores / 2 / c.delivery_us * US_PER_SECOND,
        lambda deliveries, _c: f"{deliveries:,.0f} deliveries a second for each pod, half of what it may be busy with",
        "fewer sockets a pod. Messages that come at once share a write: 16 cost little more than one "
        "([benchmark.md](benchmark.md)). Nobody reads ten messages a second: sums, or the latest alone",
    ),
    Bend(
        "intake",
        "intake shares pods with sockets: who goes keeps the orders of its partitions waiting, and all share the group",
        lambda p, _c, _b: p.pods / p.partitions,
        lambda _c, _b: 1.0,
        lambda _, c: f"more pods than partitions; one that goes keeps orders waiting for {c.rebalance_seconds:.1f} s",
        "`REALTIME_ROLES`: pods for intake alone, as many as the table says; pods with sockets come and go without a "
        "rebalance",
    ),
    Bend(
        "storm",
        "everybody comes back after an outage: presence and sessions in Redis",
        lambda p, c, b: p.pods * b.handshakes_per_second * newcomer_us(c, p.redis_primaries) / US_PER_SECOND,
        lambda _c, _b: 1.0,
        lambda cores, c: (
            f"the first shard's core is full: with one primary by {cores * US_PER_SECOND / newcomer_us(c, 1):,.0f} "
            "newcomers a second"
        ),
        "`limits.handshakes_per_second` times pods below that, and the rest is told to come later; sessions of the "
        "first shard would have to be spread next",
    ),
    Bend(
        "sessions",
        "sessions that can be resumed are kept again, all in the first shard",
        lambda p, c, _b: p.load.sockets / KEPT_AGAIN_SECONDS * c.redis_session_us / US_PER_SECOND,
        lambda _c, b: b.redis_cores,
        lambda cores, c: (
            f"{cores:.0%} of its core: {cores * US_PER_SECOND / c.redis_session_us * KEPT_AGAIN_SECONDS / 1e6:,.1f} "
            "million sockets"
        ),
        "a longer `recovery.session_seconds`; spreading them over shards is the next change of the design",
    ),
    Bend(
        "heartbeats",
        "what each pod asks of each primary, whether or not there is anything to do",
        lambda p, c, _b: p.pods * c.redis_pod_us / US_PER_SECOND,
        lambda _c, b: b.redis_cores / 2,
        lambda cores, c: f"{cores:.0%} of each core: {cores * US_PER_SECOND / c.redis_pod_us:,.0f} pods",
        "larger pods: up to 50,000 sockets (`limits.sessions_per_pod`); a longer `redis.heartbeat_interval_seconds`",
    ),
    Bend(
        "directory",
        "each pod with admins reads the reports of all pods",
        lambda p, _c, _b: p.directory_bytes_per_second,
        lambda _c, b: b.redis_bytes_per_second / 10,
        lambda sent, c: (
            f"{sent / MB:,.0f} MB/s: {math.sqrt(sent * REPORT_SECONDS / c.pod_report_bytes):,.0f} pods, all with admins"
        ),
        "admins on few pods; a longer `stats.interval_seconds`",
    ),
    Bend(
        "data",
        "Redis' memory",
        lambda p, _c, _b: p.redis_data_bytes,
        lambda _c, b: b.redis_data_bytes,
        lambda kept, c: f"{kept / GB:,.0f} GB: {kept / c.kept_of_a_socket_bytes / 1e6:,.1f} million sockets",
        "`stream-node-max-bytes 1024` saves up to two thirds ([redis.md](redis.md)); then shards",
    ),
)


def reached(projection: Projection, constants: Constants, budget: Budget) -> list[str]:
    """Names of the bends that a projection has reached."""
    return [bend.name for bend in BENDS if bend.is_reached(projection, constants, budget)]


def reached_at(mix: Mix, constants: Constants, budget: Budget) -> dict[str, int]:
    """The number of sockets at which a mix first reaches each bend that it reaches below ten million, to a tenth."""
    projections = [project(Load.of(size, mix), constants, budget) for size in SIZES]
    found: dict[str, int] = {}
    for projection in projections:
        for name in reached(projection, constants, budget):
            found.setdefault(name, projection.load.sockets)
    return found
