"""Pure: what a pod and Redis spend on what they do, by the constants. What is projected and what is checked is this."""

from model.constants import Constants
from scale.figures import US_PER_SECOND


def pod_cores(c: Constants, records: float, room_messages: float, deliveries: float) -> float:
    """Cores of a pod that takes in, hears and writes to sockets so much a second."""
    woken = records + room_messages
    woken_us = (records * c.record_us + room_messages * c.room_message_us) * c.together.at(woken)
    return c.pod_idle_cores + (woken_us + deliveries * c.delivery_us) / US_PER_SECOND


def redis_cores(c: Constants, pods: float, records: float, per_partition: float, copies: float) -> float:
    """Cores of a Redis with so many pods, so many records a second and in each partition, so many copies to pods."""
    us = pods * c.redis_pod_us + records * c.redis_record_at.at(per_partition) + copies * c.redis_copy_us
    return c.redis_idle_cores + us / US_PER_SECOND


def redis_bytes_in(c: Constants, pods: float, records: float) -> float:
    """Bytes a second that Redis receives."""
    return pods * c.redis_pod_in_bytes + records * c.redis_record_in_bytes


def redis_bytes_out(c: Constants, pods: float, records: float, copies: float) -> float:
    """Bytes a second that Redis sends."""
    return pods * c.redis_pod_out_bytes + records * c.redis_record_out_bytes + copies * c.redis_copy_out_bytes
