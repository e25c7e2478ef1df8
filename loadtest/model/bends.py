"""Where the design bends, by the constants, and what the next step is there."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from model.constants import Constants
from model.fit import US_PER_SECOND
from model.project import KEPT_AGAIN_SECONDS, REPORT_SECONDS, Budget, Projection, hot_copies, redis_newcomers_per_second

# More than this of one room nobody reads, and no page shows.
READABLE_PER_SECOND: Final = 10.0


@dataclass(frozen=True, slots=True)
class Bend:
    """Something that does not grow with pods: what it is, where it begins, and what one does then."""

    name: str
    what: str
    begins: Callable[[Constants, Budget], str]
    is_reached: Callable[[Projection, Constants, Budget], bool]
    next_step: str


def _one_primary(c: Constants, budget: Budget) -> str:
    heard_us, room = 2 * c.redis_copy_us, budget.redis_cores * US_PER_SECOND
    alone, batched = room / (c.redis_record_us + heard_us), room / (c.redis_batched_record_us + heard_us)
    return f"{alone:,.0f} orders a second if each came alone; they come together then: {batched:,.0f}"


def _hot_room(c: Constants, budget: Budget) -> str:
    per_second = budget.redis_cores / c.redis_copy_us * US_PER_SECOND
    return ", ".join(f"{per_second / pods:,.0f} messages a second at {pods:,} pods" for pods in (10, 100, 1_000))


def _fan_out(c: Constants, budget: Budget) -> str:
    deliveries = (budget.pod_cores - c.pod_idle_cores) / c.delivery_us * US_PER_SECOND
    return f"{deliveries:,.0f} deliveries a second for each pod"


def _intake(c: Constants, budget: Budget) -> str:
    room = (budget.pod_cores - c.pod_idle_cores) * US_PER_SECOND
    least, most = room / c.record_us, room / (c.record_us * c.backlog_share)
    waits = f"an event waits {c.rebalance_seconds:.1f} s at most when one comes or goes"
    return f"{least:,.0f} orders a second for each pod if each came alone, {most:,.0f} in batches; {waits}"


def _storm(c: Constants, budget: Budget) -> str:
    newcomers = US_PER_SECOND / (c.redis_newcomer_session_us + c.redis_newcomer_device_us)
    return f"{newcomers:,.0f} newcomers a second, which {newcomers / budget.handshakes_per_second:,.0f} pods may send"


def _sessions(c: Constants, budget: Budget) -> str:
    sockets = budget.redis_cores / c.redis_session_us * US_PER_SECOND * KEPT_AGAIN_SECONDS
    return f"{sockets / 1e6:,.1f} million sockets that can be resumed take half a core of the first shard"


def _heartbeats(c: Constants, budget: Budget) -> str:
    pods = budget.redis_cores * US_PER_SECOND / c.redis_pod_us
    return f"{pods:,.0f} pods take half a core of each primary"


def _directory(c: Constants, budget: Budget) -> str:
    pods = math.sqrt(budget.redis_bytes_per_second * REPORT_SECONDS / c.pod_report_bytes)
    return f"{pods:,.0f} pods with admins read each other with {budget.redis_bytes_per_second / 1e6:,.0f} MB/s"


def _data(c: Constants, budget: Budget) -> str:
    each = 2 * (c.room_bytes + c.subscription_bytes) + c.device_bytes + c.session_bytes
    return f"{budget.redis_data_bytes / each / 1e6:,.1f} million sockets in {budget.redis_data_bytes / 1e9:,.0f} GB"


BENDS: Final = (
    Bend(
        "primary",
        "one Redis primary: its core",
        _one_primary,
        lambda p, _c, b: p.redis.busiest(1) > b.redis_cores,
        "`redis.shards` and a Cluster. Messages and copies are spread; a call for each batch is not, it goes to every "
        "shard: no more partitions than intake needs, so that batches are larger",
    ),
    Bend(
        "hot room",
        "a room with members on every pod: a copy to each, all from its shard's primary",
        _hot_room,
        lambda p, c, b: hot_copies(p.load, p.pods) * c.redis_copy_us > b.redis_cores * US_PER_SECOND / 2,
        "gather its members on few pods (a Deployment of their own for admins), or tell them less: sums instead of "
        "each event. More shards do not help",
    ),
    Bend(
        "fan-out",
        "a room's members on one pod",
        _fan_out,
        lambda p, _c, _b: p.load.hot_messages_per_second > READABLE_PER_SECOND,
        "fewer sockets a pod. Messages that come at once share a write: 16 cost little more than one "
        "([benchmark.md](benchmark.md)). Nobody reads ten messages a second: sums, or the latest alone",
    ),
    Bend(
        "intake",
        "intake shares a core with sockets, and every pod that comes or goes stops it",
        _intake,
        lambda p, _c, _b: p.pods > 10,
        "`REALTIME_ROLES`: pods for intake alone, as many as the table says; pods with sockets come and go without a "
        "rebalance",
    ),
    Bend(
        "storm",
        "everybody comes back after an outage: presence and sessions in Redis",
        _storm,
        lambda p, c, b: p.pods * b.handshakes_per_second > redis_newcomers_per_second(c, p.redis_primaries),
        "`limits.handshakes_per_second` times pods below that, and the rest is told to come later; sessions of the "
        "first shard would have to be spread next",
    ),
    Bend(
        "sessions",
        "sessions that can be resumed are kept again, all in the first shard",
        _sessions,
        lambda p, c, b: p.load.sockets / KEPT_AGAIN_SECONDS * c.redis_session_us / US_PER_SECOND > b.redis_cores,
        "a longer `recovery.session_seconds`; spreading them over shards is the next change of the design",
    ),
    Bend(
        "heartbeats",
        "what each pod asks of each primary, whether or not there is anything to do",
        _heartbeats,
        lambda p, c, b: p.pods * c.redis_pod_us > b.redis_cores * US_PER_SECOND / 2,
        "larger pods: up to 50,000 sockets (`limits.sessions_per_pod`); a longer `redis.heartbeat_interval_seconds`",
    ),
    Bend(
        "directory",
        "each pod with admins reads the reports of all pods",
        _directory,
        lambda p, _c, b: p.directory_bytes_per_second > b.redis_bytes_per_second / 10,
        "admins on few pods; a longer `stats.interval_seconds`",
    ),
    Bend(
        "data",
        "Redis' memory",
        _data,
        lambda p, _c, b: p.redis_data_bytes > b.redis_data_bytes,
        "`stream-node-max-bytes 1024` saves up to two thirds ([redis.md](redis.md)); then shards",
    ),
)


def reached(projection: Projection, constants: Constants, budget: Budget) -> list[str]:
    """Names of the bends that a projection has reached."""
    return [bend.name for bend in BENDS if bend.is_reached(projection, constants, budget)]
