"""The names of all keys and channels in Redis."""

from dataclasses import dataclass


def hash_tag(shard: int) -> str:
    """What Redis Cluster takes a key's slot from: all keys and channels of a shard are on one node."""
    return f"{{{shard}}}"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys and channels of one shard, under one prefix.

    All that one script touches has the shard's hash tag, as a script demands.
    """

    prefix: str
    shard: int = 0

    @property
    def epoch(self) -> str:
        """String: names the order that offsets belong to."""
        return f"{self.prefix}:{{{self.shard}}}:epoch"

    @property
    def offset(self) -> str:
        """String: the last offset that was given."""
        return f"{self.prefix}:{{{self.shard}}}:offset"

    @property
    def history(self) -> str:
        """Followed by a room: stream, an entry's id is `<offset>-0`, its field `m` the delivery (see `wire`)."""
        return f"{self.prefix}:{{{self.shard}}}:history:"

    @property
    def room(self) -> str:
        """Followed by a room: channel."""
        return f"{self.prefix}:{{{self.shard}}}:room:"

    def position(self, topic: str, partition: int) -> str:
        """String: offset of the last record of a Kafka partition that was published."""
        return f"{self.prefix}:{{{self.shard}}}:position:{topic}:{partition}"

    def idempotency(self, key: str) -> str:
        """String, expires: this idempotency key has been used."""
        return f"{self.prefix}:{{{self.shard}}}:idempotency:{key}"

    def pod(self, pod_id: str) -> str:
        """Channel of one pod."""
        return f"{self.prefix}:{{{self.shard}}}:pod:{pod_id}"

    @property
    def all_pods(self) -> str:
        """Channel of all pods."""
        return f"{self.prefix}:{{{self.shard}}}:pods"

    @property
    def pod_ids(self) -> str:
        """Set: ids of the pods that have reported."""
        return f"{self.prefix}:{{{self.shard}}}:pod-ids"

    def pod_report(self, pod_id: str) -> str:
        """String, expires: what a pod last told about itself, JSON."""
        return f"{self.prefix}:{{{self.shard}}}:pod-report:{pod_id}"

    @property
    def leases(self) -> str:
        """Hash: how long each pod's devices are there, and how far they had been told (see `devices.lua`)."""
        return f"{self.prefix}:{{{self.shard}}}:leases"

    @property
    def devices(self) -> str:
        """Followed by a user's id: hash, expires: the user's devices, and how far those that went had been told."""
        return f"{self.prefix}:{{{self.shard}}}:devices:"

    @property
    def sessions(self) -> str:
        """Followed by a `pid`: string, expires: a session that can be resumed (see `sessions.lua`)."""
        return f"{self.prefix}:{{{self.shard}}}:session:"

    def session_keeper(self, pod_id: str) -> str:
        """String, expires: how often this pod has told of sessions, for it to see whether Redis has lost some."""
        return f"{self.prefix}:{{{self.shard}}}:session-keeper:{pod_id}"
