"""What is good or bad about a Kafka; pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka import TopicPartition

from realtime.doctor.finding import KAFKA, Finding
from realtime.doctor.kafka_facts import FORBIDDEN_GROUP, FORBIDDEN_TOPIC, Group, Topic
from realtime.intake.connection import ASSIGNOR
from realtime.settings import KafkaSettings

PARTITIONS: Final = 6  # what is proposed for a topic that is made anew
REPLICAS: Final = 3
LAG_RECORDS: Final = 10_000
SHOWN: Final = 5
# What `intake.connection.make_consumer` joins with; another in the group is somebody else's consumer.
REBALANCING: Final = {"PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"}


class KafkaVerdicts:
    """Judges by the settings; `user` is who we are to Kafka, for its commands."""

    def __init__(self, settings: KafkaSettings, brokers: int) -> None:
        self._settings = settings
        self._brokers = brokers
        self._at = f"--bootstrap-server {settings.bootstrap_servers}"

    def judge_brokers(self, away: Sequence[str]) -> Finding:
        """Whether each address that Kafka names for itself can be reached."""
        if away:
            told = f"Kafka answers, but names for itself what cannot be reached from here: {', '.join(away)}"
            return KAFKA.fail("brokers", told, "advertised.listeners in the brokers' server.properties, or start them")
        if self._brokers < REPLICAS:
            told = f"{self._brokers} reachable: with fewer than {REPLICAS} what one loses may be lost"
            return KAFKA.warn("brokers", told, f"run {REPLICAS}, with min.insync.replicas=2")
        return KAFKA.ok("brokers", f"{self._brokers} reachable")

    def judge_event_topic(self, topic: Topic, members: int, read_error: str | None) -> list[Finding]:
        """A topic of events; `read_error` is None where reading was not tried."""
        subject = f"topic {topic.name}"
        if topic.is_forbidden or read_error == FORBIDDEN_TOPIC:
            mend = self._allow("--operation Read --operation Describe", f"--topic {topic.name}")
            return [KAFKA.fail(subject, "we may not read it", mend)]
        if not topic.exists:
            told = "does not exist: its events are taken in as soon as it does"
            return [KAFKA.fail(subject, told, self._create(topic.name, PARTITIONS))]
        if read_error:
            return [KAFKA.fail(subject, f"cannot be read: {read_error}", self._describe(topic.name))]
        findings = self._judge_partitions(topic, subject)
        count = len(topic.leaders)
        if members > count or count == 1:
            why = "all its events go through one pod" if count == 1 else f"{members} pods share its {count} partitions"
            wanted = max(PARTITIONS, members)
            mend = (
                f"kafka-topics.sh {self._at} --alter --topic {topic.name} --partitions {wanted}"
                "  (keys move: let the topic run empty first where their order matters)"
            )
            findings.append(KAFKA.warn(subject, f"{_counted(count, 'partition')}: {why}", mend))
        findings += self._judge_sizes(topic, subject)
        return findings or [KAFKA.ok(subject, self._in_short(topic))]

    def judge_dead_letters(self, topic: Topic, write_error: str | None, largest_record: int | None) -> list[Finding]:
        """The dead-letter topic; `largest_record` is what the topics of events take."""
        subject = f"topic {topic.name}"
        if topic.is_forbidden or write_error == FORBIDDEN_TOPIC:
            mend = self._allow("--operation Write --operation Describe", f"--topic {topic.name}")
            return [KAFKA.fail(subject, "we may not write to it, so the first poison record stops its partition", mend)]
        if not topic.exists:
            told = "does not exist; a pod creates it when it starts, if it may"
            return [KAFKA.warn(subject, told, self._create(topic.name, 1))]
        if write_error:
            return [KAFKA.fail(subject, f"cannot be written to: {write_error}", self._describe(topic.name))]
        findings = self._judge_partitions(topic, subject)
        if "compact" in topic.configs.get("cleanup.policy", "delete"):
            told = "is compacted: of letters with the same key the last alone is kept, and those without are refused"
            findings.append(KAFKA.fail(subject, told, self._configure(topic.name, "cleanup.policy=delete")))
        takes = _number(topic, "max.message.bytes")
        if takes is not None and largest_record is not None and takes < largest_record:
            told = f"takes {takes:,} bytes, and records may have {largest_record:,}: letters of larger ones are cut"
            findings.append(
                KAFKA.warn(subject, told, self._configure(topic.name, f"max.message.bytes={largest_record}"))
            )
        return findings or [KAFKA.ok(subject, self._in_short(topic))]

    def _judge_partitions(self, topic: Topic, subject: str) -> list[Finding]:
        findings = []
        leaderless = sum(leader < 0 for leader in topic.leaders.values())
        if leaderless:
            told = f"{leaderless} of {len(topic.leaders)} partitions have no leader: they stand still"
            findings.append(
                KAFKA.fail(subject, told, f"start the brokers that hold them; {self._describe(topic.name)}")
            )
        elif topic.lagging:
            told = f"replicas of {topic.lagging} partitions are not in sync"
            findings.append(KAFKA.warn(subject, told, f"see those brokers' logs; {self._describe(topic.name)}"))
        in_sync = _number(topic, "min.insync.replicas")
        if topic.replicas == 1 and self._brokers == 1:
            pass  # there can be no other, as is told of the brokers
        elif topic.replicas == 1:
            told = "1 replica: what its broker loses is lost"
            mend = (
                "kafka-reassign-partitions.sh, to three replicas (Kafka's documentation: Increasing replication factor)"
            )
            findings.append(KAFKA.warn(subject, told, mend))
        elif in_sync is not None and in_sync >= topic.replicas:
            told = f"min.insync.replicas={in_sync} of {topic.replicas}: when one broker is down nothing can be written"
            mend = self._configure(topic.name, f"min.insync.replicas={topic.replicas - 1}")
            findings.append(KAFKA.warn(subject, told, mend))
        elif in_sync == 1:
            told = f"min.insync.replicas=1 of {topic.replicas}: what one broker alone has may be lost"
            findings.append(KAFKA.warn(subject, told, self._configure(topic.name, "min.insync.replicas=2")))
        return findings

    def _judge_sizes(self, topic: Topic, subject: str) -> list[Finding]:
        takes, ours = _number(topic, "max.message.bytes"), self._settings.record_max_bytes
        fetched = self._settings.fetch_max_bytes_per_partition
        if takes is None:
            return []
        if takes < ours:
            told = f"takes {takes:,} bytes, fewer than a pod (REALTIME_KAFKA__RECORD_MAX_BYTES={ours})"
            return [KAFKA.warn(subject, told, self._configure(topic.name, f"max.message.bytes={ours + 4_096}"))]
        if takes > 2 * fetched:
            told = f"takes {takes:,} bytes: of dead letters that large only the place is kept"
            return [KAFKA.warn(subject, told, f"REALTIME_KAFKA__FETCH_MAX_BYTES_PER_PARTITION={takes // 2 + 1}")]
        return []

    def judge_group(self, group: Group) -> Finding:
        """The consumer group; without pods it is empty, or not there at all."""
        name = self._settings.group_id
        subject = f"group {name}"
        describe = f"kafka-consumer-groups.sh {self._at} --describe --group {name} --members"
        if group.error == FORBIDDEN_GROUP:
            return KAFKA.fail(subject, "we may not be in it", self._allow("--operation Read", f"--group {name}"))
        if group.error and group.error != "GroupIdNotFound":
            return KAFKA.fail(subject, group.error, describe)
        if group.state in REBALANCING:
            told = f"{group.members} members, rebalancing; nothing is taken in meanwhile"
            return KAFKA.warn(subject, told, f"run again in a minute; if it stays: {describe}")
        if group.members and group.protocol not in {ASSIGNOR.name, ""}:
            told = f"somebody else's consumers are in it: they divide partitions by {group.protocol!r}"
            return KAFKA.fail(subject, told, f"REALTIME_KAFKA__GROUP_ID must be ours alone; {describe}")
        if not group.members:
            return KAFKA.ok(subject, "no pod is in it now")
        return KAFKA.ok(subject, f"{_counted(group.members, 'member')}, {group.state.lower()}")

    def judge_lag(
        self,
        committed: Mapping[TopicPartition, int],
        begins: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        members: int,
    ) -> list[Finding]:
        """How far the group is behind, and whether Kafka has dropped what it had not read."""
        cut = sorted(tp for tp, offset in committed.items() if offset < begins.get(tp, 0))
        lost = [tp for tp in cut if begins[tp] < ends.get(tp, begins[tp])]
        lags = {tp: ends[tp] - max(offset, begins.get(tp, 0)) for tp, offset in committed.items() if tp in ends}
        behind = sum(max(0, lag) for lag in lags.values())
        describe = f"kafka-consumer-groups.sh {self._at} --describe --group {self._settings.group_id}"
        if lost:
            told = f"Kafka has dropped records that were not taken in, of {_some(lost)}"
            return [KAFKA.fail("lag", told, f"raise retention.ms, and keep pods running; {describe}")]
        ahead = sorted(tp for tp, lag in lags.items() if lag < 0)
        if ahead:
            told = f"commits are beyond the end of {_some(ahead)}: the topic was made anew or cut"
            return [KAFKA.fail("lag", told, f"docs/guarantees.md, on a topic that was made anew; {describe}")]
        findings = []
        if cut:
            # A transaction's marker is an offset that nobody takes in; retention drops it like any record.
            told = f"Kafka has emptied {_some(cut)}: whether records were there that were not taken in cannot be told"
            mend = f"none were if a pod was always running; else raise retention.ms, and keep pods running; {describe}"
            findings.append(KAFKA.warn("lag", told, mend))
        if behind > LAG_RECORDS:
            told = f"{behind:,} records behind{'' if members else ', and no pod takes in'}"
            mend = f"see that it becomes less, else more pods or partitions; {describe}"
            return [*findings, KAFKA.warn("lag", told, mend)]
        return findings or [KAFKA.ok("lag", f"{behind:,} records behind" if committed else "nothing committed yet")]

    def _in_short(self, topic: Topic) -> str:
        in_sync = topic.configs.get("min.insync.replicas")
        told = f"{_counted(len(topic.leaders), 'partition')}, {_counted(topic.replicas, 'replica')}"
        return told + (f", {in_sync} in sync at least" if in_sync else "")

    def _create(self, name: str, partitions: int) -> str:
        replicas = max(1, min(REPLICAS, self._brokers))
        return (
            f"kafka-topics.sh {self._at} --create --topic {name}"
            f" --partitions {partitions} --replication-factor {replicas}"
        )

    def _describe(self, name: str) -> str:
        return f"kafka-topics.sh {self._at} --describe --topic {name}"

    def _configure(self, name: str, config: str) -> str:
        return f"kafka-configs.sh {self._at} --alter --entity-type topics --entity-name {name} --add-config {config}"

    def _allow(self, operations: str, resource: str) -> str:
        user = self._settings.sasl_username or "<user>"
        return f"kafka-acls.sh {self._at} --add --allow-principal User:{user} {operations} {resource}"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _number(topic: Topic, config: str) -> int | None:
    value = topic.configs.get(config) or ""
    return int(value) if value.isdigit() else None


def _some(partitions: Sequence[TopicPartition]) -> str:
    shown = ", ".join(f"{tp.topic}:{tp.partition}" for tp in partitions[:SHOWN])
    return f"{shown} and {len(partitions) - SHOWN} more" if len(partitions) > SHOWN else shown
