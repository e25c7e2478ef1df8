"""The users of deploy/k8s/strimzi at a Kafka that allows nothing else: their rights are enough, and each is needed."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from parts.fixtures import takes_apache_kafka
from parts.guarded_kafka import GuardedKafka
from parts.pod import INHERITED, Pod
from parts.redis_server import RedisServer
from parts.scrape import total
from parts.strimzi import Right, examples, rights
from parts.tokens import Issuer
from parts.topics import DEAD_LETTERS, Topics
from parts.waiting import eventually

USERS = examples("users.yaml")
PODS, OPERATOR = "realtime-pods", "realtime-operator"
GROUP = "realtime-service-group"


class AsNamed(Topics):
    """The topics by the names that the examples give them."""

    def name(self, topic: str) -> str:
        return topic


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GuardedKafka]:
    if not takes_apache_kafka():
        pytest.skip("the embedded broker knows no permissions")
    kafka = GuardedKafka(tmp_path_factory.mktemp("kafka"), USERS)
    await kafka.start()
    await AsNamed(kafka, "").create(partitions=1)
    for name, user in USERS.items():
        await kafka.grant(name, rights(user))
    yield kafka
    await kafka.kill()


@pytest.fixture
def settings(guarded: GuardedKafka, redis_server: RedisServer) -> dict[str, str]:
    # One prefix for the module: it is one group, whose positions stand in Redis.
    return {
        **guarded.settings_of(PODS),
        **Issuer.hs256().settings,
        "REALTIME_REDIS__URL": redis_server.url,
        "REALTIME_REDIS__KEY_PREFIX": "acls",
        "REALTIME_LIMITS__SESSIONS_PER_POD": "1000",
        "REALTIME_DRAIN__SETTLE_SECONDS": "0",
    }


@pytest.fixture
async def pod(settings: dict[str, str], tmp_path: Path) -> AsyncIterator[Pod]:
    pod = Pod("a-pod", tmp_path / "pod", settings)
    await pod.start()
    yield pod
    await pod.stop()


async def realtime(settings: dict[str, str], *command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "realtime", *command),
        env={name: os.environ[name] for name in INHERITED if name in os.environ} | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def refused(settings: dict[str, str]) -> set[str]:
    """What the doctor finds wrong."""
    _, out = await realtime(settings, "doctor", "--json")
    return {f["subject"] for f in json.loads(out)["findings"] if f["status"] == "fail"}


def order(number: int) -> dict[str, str]:
    return {"orderId": f"o-{number}", "userId": "u", "status": "shipped"}


async def published(pod: Pod) -> float:
    return await total(pod, "realtime_events_total", outcome="published", type="order.updated")


async def test_the_rights_are_enough(guarded: GuardedKafka, settings: dict[str, str], pod: Pod) -> None:
    topics = AsNamed(guarded, "")
    await topics.produce("order.updated", order(1))
    await topics.produce("order.updated", b"poison")

    async def is_set_aside() -> bool:
        return len(await topics.read(DEAD_LETTERS)) == 1

    await eventually(is_set_aside, 20, "the dead letter is there")
    await eventually(lambda: _is(pod, 1), 20, "the event is published")
    assert await refused(settings) == set()
    assert "commit_failed" not in pod.log.read_text()
    # Who replays is somebody else.
    code, out = await realtime(settings, "dead-letters", "list")
    assert code == 1, out
    assert DEAD_LETTERS in out, out
    operator = settings | guarded.settings_of(OPERATOR)
    for command in (("list",), ("show", "0:0"), ("replay",)):
        code, out = await realtime(operator, "dead-letters", *command)
        assert code == 0, out
    assert "1 replayed, 0 skipped, 0 failed" in out


async def _is(pod: Pod, count: int) -> bool:
    return await published(pod) == count


@pytest.mark.parametrize(
    ("right", "subject"),
    [
        (Right("topic", "order.updated", "Read"), "topic order.updated"),
        (Right("group", GROUP, "Read"), f"group {GROUP}"),
    ],
    ids=lambda each: each.name if isinstance(each, Right) else "",
)
async def test_without_one_right_it_is_told_and_nothing_is_lost(
    guarded: GuardedKafka, settings: dict[str, str], pod: Pod, right: Right, subject: str
) -> None:
    topics = AsNamed(guarded, "")
    await guarded.take(PODS, right)
    try:
        await eventually(lambda: "AuthorizationFailed" in pod.log.read_text(), 20, "the pod's log tells it")
        assert await refused(settings) == {subject}
        await topics.produce("order.updated", order(2))
    finally:
        await guarded.grant(PODS, [right])
    await eventually(lambda: _is(pod, 1), 30, "the event is published once the right is back")
    assert await refused(settings) == set()


async def test_without_write_on_dead_letters_a_partition_waits_and_goes_on(
    guarded: GuardedKafka, settings: dict[str, str], pod: Pod
) -> None:
    topics = AsNamed(guarded, "")
    right = Right("topic", DEAD_LETTERS, "Write")
    await guarded.take(PODS, right)
    try:
        await topics.produce("order.updated", b"poison")
        await topics.produce("order.updated", order(3))
        await eventually(
            lambda: f"cannot write to {DEAD_LETTERS}" in pod.log.read_text(), 20, "the pod's log names the topic"
        )
        assert await refused(settings) == {f"topic {DEAD_LETTERS}"}
        assert await published(pod) == 0
    finally:
        await guarded.grant(PODS, [right])
    await eventually(lambda: _is(pod, 1), 30, "the event behind the letter is published")
