"""What is found bad about a Kafka, and what is not."""

from typing import Any

import pytest
from aiokafka import TopicPartition

from realtime.doctor.finding import Finding, Status
from realtime.doctor.kafka_facts import FORBIDDEN_GROUP, FORBIDDEN_TOPIC, Group, Topic
from realtime.doctor.kafka_verdicts import KafkaVerdicts
from realtime.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap_servers="k:9092", sasl_username="shop")
VERDICTS = KafkaVerdicts(SETTINGS, brokers=3)
CONFIGS = {"max.message.bytes": "1048588", "min.insync.replicas": "2", "cleanup.policy": "delete"}


def topic(**facts: Any) -> Topic:
    configs = CONFIGS | facts.pop("configs", {})
    return Topic(
        **{"name": "order.created", "leaders": dict.fromkeys(range(6), 1), "replicas": 3, "configs": configs} | facts
    )


def statuses(findings: list[Finding]) -> list[Status]:
    return [finding.status for finding in findings]


def is_told_how_to_mend(finding: Finding) -> bool:
    return bool(finding.mend) == (finding.status is not Status.OK)


@pytest.mark.parametrize(
    ("found", "members", "error", "status", "remedy"),
    [
        (topic(), 3, "", Status.OK, ""),
        (topic(configs={"max.message.bytes": ""}), 3, "", Status.OK, ""),
        (
            Topic("t", "UnknownTopicOrPartitionError"),
            3,
            None,
            Status.FAIL,
            "--create --topic t --partitions 6 --replication-factor 3",
        ),
        (
            Topic("t", FORBIDDEN_TOPIC),
            3,
            None,
            Status.FAIL,
            "User:shop --operation Read --operation Describe --topic t",
        ),
        (topic(), 3, FORBIDDEN_TOPIC, Status.FAIL, "kafka-acls.sh"),
        (topic(), 3, "KafkaStorageError", Status.FAIL, "--describe"),
        (topic(leaders={0: 1}), 0, "", Status.WARN, "--alter --topic order.created --partitions 6"),
        (topic(leaders=dict.fromkeys(range(6), 1)), 8, "", Status.WARN, "--partitions 8"),
        (topic(leaders={0: 1, 1: -1}), 1, "", Status.FAIL, "start the brokers"),
        (topic(lagging=2), 1, "", Status.WARN, "--describe"),
        (topic(replicas=1), 1, "", Status.WARN, "kafka-reassign-partitions.sh"),
        (topic(configs={"min.insync.replicas": "3"}), 1, "", Status.WARN, "min.insync.replicas=2"),
        (topic(configs={"min.insync.replicas": "1"}), 1, "", Status.WARN, "min.insync.replicas=2"),
        (topic(configs={"max.message.bytes": "1000"}), 1, "", Status.WARN, "max.message.bytes=266240"),
        (topic(configs={"max.message.bytes": "9000000"}), 1, "", Status.WARN, "FETCH_MAX_BYTES_PER_PARTITION=4500001"),
    ],
)
def test_a_topic_of_events(found: Topic, members: int, error: str | None, status: Status, remedy: str) -> None:
    (finding,) = VERDICTS.judge_event_topic(found, members, error)
    assert finding.status is status, finding
    assert remedy in finding.mend
    assert is_told_how_to_mend(finding)


@pytest.mark.parametrize(
    ("found", "error", "status", "remedy"),
    [
        (topic(leaders={0: 1}), "", Status.OK, ""),
        (Topic("d", "UnknownTopicOrPartitionError"), None, Status.WARN, "--create --topic d --partitions 1"),
        (topic(), FORBIDDEN_TOPIC, Status.FAIL, "--operation Write"),
        (topic(), "KafkaStorageError", Status.FAIL, "--describe"),
        (topic(configs={"cleanup.policy": "compact"}), "", Status.FAIL, "cleanup.policy=delete"),
        (topic(configs={"max.message.bytes": "1000"}), "", Status.WARN, "max.message.bytes=1048588"),
    ],
)
def test_the_dead_letter_topic(found: Topic, error: str | None, status: Status, remedy: str) -> None:
    (finding,) = VERDICTS.judge_dead_letters(found, error, 1_048_588)
    assert finding.status is status, finding
    assert remedy in finding.mend
    assert is_told_how_to_mend(finding)


def test_several_faults_of_a_topic_are_all_told() -> None:
    assert statuses(VERDICTS.judge_event_topic(topic(leaders={0: 1}, replicas=1), 0, "")) == [Status.WARN, Status.WARN]


def test_brokers_must_be_reachable_at_the_addresses_that_they_name() -> None:
    assert VERDICTS.judge_brokers([]).status is Status.OK
    assert "kafka-2:9092" in VERDICTS.judge_brokers(["kafka-2:9092"]).told
    assert VERDICTS.judge_brokers(["kafka-2:9092"]).status is Status.FAIL
    assert KafkaVerdicts(SETTINGS, brokers=1).judge_brokers([]).status is Status.WARN


@pytest.mark.parametrize(
    ("group", "status"),
    [
        (Group("Stable", 3, "roundrobin"), Status.OK),
        (Group("Empty"), Status.OK),
        (Group("Dead"), Status.OK),
        (Group("PreparingRebalance", 3), Status.WARN),
        (Group("Stable", 3, "range"), Status.FAIL),
        (Group("", error=FORBIDDEN_GROUP), Status.FAIL),
        (Group("", error="CoordinatorNotAvailableError"), Status.FAIL),
    ],
)
def test_the_group(group: Group, status: Status) -> None:
    finding = VERDICTS.judge_group(group)
    assert finding.status is status
    assert is_told_how_to_mend(finding)


@pytest.mark.parametrize(
    ("committed", "begin", "end", "status", "told"),
    [
        ({}, 0, 5, Status.OK, "nothing committed"),
        ({0: 5}, 0, 7, Status.OK, "2 records"),
        ({0: 5}, 0, 20_006, Status.WARN, "20,001 records"),
        ({0: 5}, 6, 7, Status.FAIL, "dropped"),
        # Behind the last record stood a transaction's marker, or records: once both are gone, none can tell.
        ({0: 5}, 6, 6, Status.WARN, "whether"),
        ({0: 9}, 0, 7, Status.FAIL, "beyond the end of t:0"),
    ],
)
def test_the_lag(committed: dict[int, int], begin: int, end: int, status: Status, told: str) -> None:
    place = TopicPartition("t", 0)
    offsets = {TopicPartition("t", number): offset for number, offset in committed.items()}
    finding = VERDICTS.judge_lag(offsets, {place: begin}, {place: end}, members=1)[0]
    assert finding.status is status
    assert told in finding.told
    assert is_told_how_to_mend(finding)


def test_what_cannot_be_told_of_an_empty_partition_does_not_hide_the_lag_of_others() -> None:
    empty, behind = TopicPartition("t", 0), TopicPartition("t", 1)
    findings = VERDICTS.judge_lag({empty: 5, behind: 5}, {empty: 6, behind: 0}, {empty: 6, behind: 20_006}, members=1)
    assert ["t:0" in findings[0].told, "20,001 records" in findings[1].told] == [True, True]
    assert statuses(findings) == [Status.WARN, Status.WARN]
    assert all(is_told_how_to_mend(finding) for finding in findings)
