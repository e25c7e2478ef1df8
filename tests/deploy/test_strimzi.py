"""The examples for Strimzi name what the settings name, and no more; the chart takes what Strimzi makes."""

import re
from typing import Any, Final

import pytest
import yaml

from parts.helm import render
from parts.helm_values import minimal
from parts.manifests import container, environment, one, pod
from parts.strimzi import EXAMPLES, Right, examples, rights
from realtime.dead_letters.archive import CLIENT_ID
from realtime.settings import KafkaSettings

DEFAULTS: Final = KafkaSettings()
EVENTS: Final = set(DEFAULTS.topics.by_event().values())
LETTERS: Final = DEFAULTS.dead_letter_topic
DAY_MS: Final = 24 * 3_600_000
USERS: Final = ("users.yaml", "users-tls.yaml")


def on_events(*operations: str) -> set[Right]:
    return {Right("topic", topic, operation) for topic in EVENTS for operation in operations}


def on_letters(*operations: str) -> set[Right]:
    return {Right("topic", LETTERS, operation) for operation in operations}


MAY: Final = {
    "realtime-pods": on_events("Read") | on_letters("Write") | {Right("group", DEFAULTS.group_id, "Read")},
    "realtime-operator": on_events("Read", "Write")
    | on_letters("Read", "Write")
    | {Right("transactionalId", f"{CLIENT_ID}.{LETTERS}", "Write")},
    "realtime-producers": on_events("Write"),
}


def test_each_topic_of_the_settings_is_there_and_no_other() -> None:
    assert set(examples("topics.yaml")) == EVENTS | {LETTERS}


def test_topics_of_events_are_alike_and_keep_what_the_doctor_wants_kept() -> None:
    topics = examples("topics.yaml")
    assert len({str(topics[name]["spec"]) for name in EVENTS}) == 1
    for name, topic in topics.items():
        spec = topic["spec"]
        assert spec["replicas"] == spec["config"]["min.insync.replicas"] + 1 == 3, name
        assert spec["config"]["cleanup.policy"] == "delete", name
    assert topics["order.created"]["spec"]["config"]["retention.ms"] == 7 * DAY_MS
    assert topics[LETTERS]["spec"]["config"]["retention.ms"] == 30 * DAY_MS
    told = re.search(r"(\d+) partitions each, (\d+) together", (EXAMPLES / "topics.yaml").read_text())
    assert told is not None
    each = topics["order.created"]["spec"]["partitions"]
    assert (int(told[1]), int(told[2])) == (each, each * len(EVENTS))


@pytest.mark.parametrize("file", USERS)
def test_users_may_do_exactly_what_they_must(file: str) -> None:
    users = examples(file)
    assert {name: set(rights(user)) for name, user in users.items()} == MAY
    kind = {"users.yaml": "scram-sha-512", "users-tls.yaml": "tls"}[file]
    assert {user["spec"]["authentication"]["type"] for user in users.values()} == {kind}
    assert "producerByteRate" in users["realtime-producers"]["spec"]["quotas"]
    assert "quotas" not in users["realtime-pods"]["spec"]


def test_all_belong_to_one_cluster_in_the_version_that_strimzi_serves() -> None:
    for file in ("topics.yaml", *USERS):
        for each in examples(file).values():
            assert each["apiVersion"] == "kafka.strimzi.io/v1"
            assert each["metadata"]["labels"] == {"strimzi.io/cluster": "shop"}
            assert each["kind"] == ("KafkaTopic" if file == "topics.yaml" else "KafkaUser")


def values_of_the_readme(file: str) -> dict[str, Any]:
    text = (EXAMPLES.parent / "README.md").read_text()
    (snippet,) = re.findall(rf"```yaml\n(# values: {re.escape(file)}\n.*?)```", text, re.DOTALL)
    values: dict[str, Any] = yaml.safe_load(snippet)
    return values


def test_a_pod_logs_in_with_the_secret_that_strimzi_makes_for_scram() -> None:
    manifests = render(minimal(**values_of_the_readme("users.yaml")))
    deployment = one(manifests, "Deployment")
    # What the User Operator writes.
    seen = environment(manifests, deployment, {"realtime-pods": {"password": "made", "sasl.jaas.config": "made"}})
    assert seen["REALTIME_KAFKA__SASL_USERNAME"] in examples("users.yaml")
    assert seen["REALTIME_KAFKA__SASL_PASSWORD"] == "made"
    assert seen["REALTIME_KAFKA__SECURITY_PROTOCOL"] == "SASL_SSL"
    assert seen["REALTIME_KAFKA__SASL_MECHANISM"] == "SCRAM-SHA-512"
    assert files(deployment) == {seen["REALTIME_KAFKA__SSL_CA_FILE"]: ("shop-cluster-ca-cert", "ca.crt")}


def test_a_pod_shows_the_certificate_that_strimzi_makes_and_trusts_the_clusters_authority() -> None:
    manifests = render(minimal(**values_of_the_readme("users-tls.yaml")))
    deployment = one(manifests, "Deployment")
    seen = environment(manifests, deployment)
    assert seen["REALTIME_KAFKA__SECURITY_PROTOCOL"] == "SSL"
    assert files(deployment) == {
        seen["REALTIME_KAFKA__SSL_CA_FILE"]: ("shop-cluster-ca-cert", "ca.crt"),
        seen["REALTIME_KAFKA__SSL_CERTIFICATE_FILE"]: ("realtime-pods", "user.crt"),
        seen["REALTIME_KAFKA__SSL_KEY_FILE"]: ("realtime-pods", "user.key"),
    }


def files(deployment: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Path in the container -> Secret and key."""
    mounts = {mount["name"]: mount["mountPath"] for mount in container(deployment)["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{item['path']}": (source["secret"]["name"], item["key"])
        for volume in pod(deployment)["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
        for item in source["secret"]["items"]
    }
