"""What the model rests on: each constant with its unit, and the run that it comes from."""

from dataclasses import dataclass, field
from typing import Final

from model.curve import Curve

# The kinds of runs that constants come from.
SCALE, BENCH, REDIS, SOCKETS = "scale", "bench", "redis", "sockets"

ROOMS_A_USER: Final = 2


def _of(source: str, unit: str, what: str) -> float:
    constant: float = field(metadata={"source": source, "unit": unit, "what": what})
    return constant


@dataclass(frozen=True)
class Constants:
    """All of them. us are of one core. A record is an order: three messages, each into one room."""

    pod_idle_cores: float = _of(SCALE, "cores", "a pod that has nothing to do")
    record_us: float = _of(SCALE, "us", "a pod takes in a record, alone in its batch: fetch, decode, route, publish")
    room_message_us: float = _of(SCALE, "us", "a pod hears one message of a room that has members here")
    delivery_us: float = _of(SCALE, "us", "… and writes it to one socket")
    alone_per_second: float = _of(SCALE, "a second", "records and rooms' messages of a pod, where these were measured")
    burst_per_second: float = _of(SCALE, "a second", "… and where more of them come together")
    burst_share: float = _of(SCALE, "share", "… of what they cost alone")
    backlog_per_second: float = _of(BENCH, "a second", "… and where a pod has a backlog, and no rest")
    backlog_share: float = _of(BENCH, "share", "… of what they cost alone")
    redis_idle_cores: float = _of(SCALE, "cores", "a Redis that has nothing to do")
    redis_pod_us: float = _of(SCALE, "us a second", "… for each pod: heartbeats, leases, reports")
    redis_record_us: float = _of(SCALE, "us", "Redis publishes a record, alone in its call")
    redis_alone_per_second: float = _of(SCALE, "a second", "records of a partition, where that was measured")
    redis_burst_per_second: float = _of(SCALE, "a second", "… and where more of them come together")
    redis_burst_record_us: float = _of(SCALE, "us", "… which then cost")
    redis_batched_per_second: float = _of(BENCH, "a second", "… and where a pod has a backlog: calls are full by then")
    redis_batched_record_us: float = _of(REDIS, "us", "… which then cost, 500 a call")
    redis_copy_us: float = _of(SCALE, "us", "Redis sends a message to one subscriber more")
    redis_session_us: float = _of(REDIS, "us", "Redis keeps a session again, thrice in `recovery.session_seconds`")
    redis_newcomer_session_us: float = _of(REDIS, "us", "Redis keeps a newcomer's session")
    redis_newcomer_device_us: float = _of(REDIS, "us", "Redis takes in a newcomer's device")
    redis_pod_in_bytes: float = _of(SCALE, "bytes a second", "Redis receives from each pod, idle")
    redis_record_in_bytes: float = _of(SCALE, "bytes", "… for each record")
    redis_pod_out_bytes: float = _of(SCALE, "bytes a second", "Redis sends to each pod, idle")
    redis_record_out_bytes: float = _of(SCALE, "bytes", "… for each record, to the pod that published it")
    redis_reading_out_bytes: float = _of(SCALE, "bytes", "… for the measurement's own question, once a phase")
    redis_copy_out_bytes: float = _of(SCALE, "bytes", "… for each message to each pod that hears it")
    room_bytes: float = _of(REDIS, "bytes", "Redis keeps a room with up to ten messages")
    device_bytes: float = _of(REDIS, "bytes", "… a device")
    session_bytes: float = _of(REDIS, "bytes", "… a session that can be resumed")
    subscription_bytes: float = _of(REDIS, "bytes", "… a subscription of a room by one pod")
    message_bytes: float = _of(REDIS, "bytes", "a message, as a finished packet")
    pod_bytes: float = _of(SCALE, "bytes", "a pod holds, with the few sockets of that run")
    socket_in_pod_bytes: float = _of(SOCKETS, "bytes", "… for each socket with a token and the rooms of a user")
    socket_in_kernel_bytes: float = _of(SOCKETS, "bytes", "the kernel holds for it: one end of its connection")
    pod_report_bytes: float = _of(SCALE, "bytes", "a pod tells the others of itself, each `stats.interval_seconds`")
    rebalance_seconds: float = _of(SCALE, "seconds", "the orders of a pod that goes wait at most")

    @property
    def kept_of_a_socket_bytes(self) -> float:
        """What Redis keeps of one, its user's rooms among it."""
        return ROOMS_A_USER * self.room_bytes + self.kept_of_a_quiet_socket_bytes

    @property
    def kept_of_a_quiet_socket_bytes(self) -> float:
        """The same where its user was told nothing yet."""
        return ROOMS_A_USER * self.subscription_bytes + self.device_bytes + self.session_bytes

    @property
    def together(self) -> Curve:
        """What records and rooms' messages cost a pod, as a share of what they cost alone, by how many there are."""
        return Curve(
            (
                (self.alone_per_second, 1.0),
                (self.burst_per_second, self.burst_share),
                (self.backlog_per_second, self.backlog_share),
            )
        )

    @property
    def redis_record_at(self) -> Curve:
        """Redis for a record, without copies, by records a second of its partition: a call has those of one alone."""
        return Curve(
            (
                (self.redis_alone_per_second, self.redis_record_us),
                (self.redis_burst_per_second, self.redis_burst_record_us),
                (self.redis_batched_per_second, self.redis_batched_record_us),
            )
        )
