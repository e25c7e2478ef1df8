"""`realtime doctor` over real parts: what is wrong is found, named and told how to mend, and the rest is still looked at."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest
from redis.asyncio import Redis

from parts.apache_kafka import ApacheKafka
from parts.embedded_kafka import EmbeddedKafka
from parts.fixtures import StartPod, takes_apache_kafka
from parts.kafka import Kafka
from parts.pod import INHERITED
from parts.ports import free_port
from parts.redis_cluster import RedisCluster
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import DEAD_LETTERS, EVENT_TOPICS, Topics
from parts.waiting import eventually

NOBODY = f"127.0.0.1:{free_port()}"
# What a hanging part may cost: the limits of single looks, one after the other.
PATIENCE_SECONDS = 40


@dataclass
class Diagnosis:
    """What the doctor said, and how it ended."""

    code: int
    text: str
    findings: list[dict[str, str]]

    def of(self, area: str, subject: str) -> dict[str, str]:
        return next(finding for finding in self.findings if (finding["area"], finding["subject"]) == (area, subject))

    def status(self, area: str, subject: str) -> str:
        return self.of(area, subject)["status"]

    def failed(self) -> set[tuple[str, str]]:
        return {(f["area"], f["subject"]) for f in self.findings if f["status"] == "fail"}


async def doctor(*options: str, **settings: str) -> tuple[int, str]:
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | settings
    async with asyncio.timeout(PATIENCE_SECONDS):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "realtime", "doctor", *options),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert not err, err.decode()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def diagnose(topics: Topics, redis_url: str, **settings: str) -> Diagnosis:
    code, text = await doctor(
        "--json",
        **{
            **Issuer.hs256().settings,
            **topics.settings,
            "REALTIME_REDIS__URL": redis_url,
            "REALTIME_REDIS__KEY_PREFIX": topics.prefix,
            "REALTIME_LIMITS__SESSIONS_PER_POD": "1000",
            **settings,
        },
    )
    document = json.loads(text)
    assert (document["status"] == "fail") == (code == 1)
    assert all(finding["mend"] for finding in document["findings"] if finding["status"] != "ok")
    return Diagnosis(code, text, document["findings"])


def url_of(server: RedisServer, user: str = "", password: str = "") -> str:
    return f"redis://{user}:{password}@127.0.0.1:{server.port}/0"


async def test_where_all_is_well_nothing_fails_and_the_pods_are_seen(
    topics: Topics, redis_server: RedisServer, start_pod: StartPod
) -> None:
    await start_pod()
    diagnosis = await diagnose(topics, redis_server.url)
    assert diagnosis.code == 0, diagnosis.text
    assert diagnosis.failed() == set()
    assert diagnosis.of("kafka", f"group {topics.group_id}")["told"] == "1 member, stable"
    assert diagnosis.status("redis", "scripts") == "ok"
    assert diagnosis.status("tokens", "token") == "ok"
    assert diagnosis.status("clock", "Redis") == "ok"


async def test_people_get_a_table_with_what_to_do(topics: Topics, redis_server: RedisServer) -> None:
    code, text = await doctor(
        **Issuer.hs256().settings,
        **topics.settings | {"REALTIME_KAFKA__TOPICS__ORDER_CREATED": f"{topics.prefix}.gone"},
        REALTIME_REDIS__URL=redis_server.url,
    )
    assert code == 1
    lines = text.splitlines()
    at = next(
        number for number, line in enumerate(lines) if line.startswith("fail") and f"{topics.prefix}.gone" in line
    )
    assert "kafka-topics.sh" in lines[at + 1]
    assert lines[-1].endswith("to mend")


async def test_it_leaves_nothing_behind(topics: Topics, redis_server: RedisServer) -> None:
    before = await topics.read(DEAD_LETTERS)
    await diagnose(topics, redis_server.url, REALTIME_KAFKA__TOPICS__ORDER_CREATED=f"{topics.prefix}.gone")
    assert await topics.read(DEAD_LETTERS) == before == []
    async with Redis.from_url(redis_server.url) as redis:
        assert await redis.keys(f"{topics.prefix}*") == []
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.kafka.bootstrap_servers)
    await admin.start()
    try:
        assert f"{topics.prefix}.gone" not in await admin.list_topics()
        assert topics.group_id not in {name for name, _ in await admin.list_consumer_groups()}
    finally:
        await admin.close()


async def test_wrong_settings_are_named_and_the_rest_is_still_looked_at(
    topics: Topics, redis_server: RedisServer
) -> None:
    diagnosis = await diagnose(
        topics, redis_server.url, REALTIME_AUTH__SECRET="short", REALTIME_KAFFKA__GROUP_ID="x", REALTIME_HTTP__PORT="x"
    )
    named = {("settings", f"REALTIME_{name}") for name in ("AUTH__SECRET", "KAFFKA__GROUP_ID", "HTTP__PORT")}
    # A section's own rule is told under the section's name.
    assert {subject.partition("__")[0] for _, subject in diagnosis.failed()} == {
        subject.partition("__")[0] for _, subject in named
    }
    assert diagnosis.status("tokens", "everything") == "warn"
    assert diagnosis.status("kafka", "reachable") == diagnosis.status("redis", "reachable") == "ok"


async def test_a_pod_is_asked_for_no_more_than_its_roles_need(topics: Topics, redis_server: RedisServer) -> None:
    without_kafka = {"REALTIME_ROLES": "sockets", "REALTIME_KAFKA__BOOTSTRAP_SERVERS": NOBODY}
    diagnosis = await diagnose(topics, redis_server.url, **without_kafka)
    assert diagnosis.failed() == set(), diagnosis.text
    assert "REALTIME_ROLES" in diagnosis.of("kafka", "everything")["told"]
    too_many = {"REALTIME_ROLES": "intake", "REALTIME_LIMITS__SESSIONS_PER_POD": "100000000"}
    diagnosis = await diagnose(topics, redis_server.url, **too_many)
    assert diagnosis.failed() == set(), diagnosis.text
    assert diagnosis.status("kafka", "reachable") == "ok"


async def test_a_missing_topic_and_one_with_too_few_partitions_are_found(
    kafka: Kafka, prefix: str, redis_server: RedisServer
) -> None:
    topics = Topics(kafka, prefix)
    await topics.create("order.created", partitions=1)
    await topics.create("order.updated", DEAD_LETTERS)
    try:
        diagnosis = await diagnose(topics, redis_server.url)
    finally:
        await topics.delete()
    missing = set(EVENT_TOPICS) - {"order.created", "order.updated"}
    assert diagnosis.failed() == {("kafka", f"topic {topics.name(topic)}") for topic in missing}
    few = [f for f in diagnosis.findings if f["subject"] == f"topic {topics.name('order.created')}"]
    assert any("1 partition:" in finding["told"] and "--alter" in finding["mend"] for finding in few)


async def test_kafkas_stand_in_can_be_looked_at(tmp_path: Path, redis_server: RedisServer) -> None:
    kafka = EmbeddedKafka(tmp_path)
    await kafka.start()
    try:
        topics = Topics(kafka, "here")
        await topics.create()
        diagnosis = await diagnose(topics, redis_server.url)
    finally:
        await kafka.kill()
    assert diagnosis.failed() == set(), diagnosis.text


async def test_kafka_away_does_not_keep_from_looking_at_redis(topics: Topics, redis_server: RedisServer) -> None:
    diagnosis = await diagnose(topics, redis_server.url, REALTIME_KAFKA__BOOTSTRAP_SERVERS=NOBODY)
    assert diagnosis.failed() == {("kafka", "reachable")}
    assert NOBODY in diagnosis.of("kafka", "reachable")["told"]
    assert diagnosis.status("redis", "latency") == "ok"


async def test_parts_that_hang_do_not_hang_the_doctor(own_kafka: Kafka, own_redis: RedisServer) -> None:
    own_kafka.pause()
    own_redis.pause()
    try:
        diagnosis = await diagnose(Topics(own_kafka, "x"), own_redis.url)
    finally:
        own_kafka.resume()
        own_redis.resume()
    assert diagnosis.failed() == {("kafka", "reachable"), ("redis", "reachable")}
    assert diagnosis.status("machine", "event loop") in {"ok", "warn"}


async def test_a_redis_that_would_evict_or_cut_pods_off_is_found(topics: Topics, own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url) as redis:
        await redis.config_set("maxmemory", "100mb")
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        await redis.config_set("client-output-buffer-limit", "pubsub 1mb 512kb 60")
    diagnosis = await diagnose(topics, own_redis.url)
    assert diagnosis.failed() == {("redis", "eviction"), ("redis", "output buffer")}
    # What it says is to be done, done.
    async with Redis.from_url(own_redis.url) as redis:
        for subject in ("eviction", "output buffer"):
            at, _, command = diagnosis.of("redis", subject)["mend"].partition(" &&")[0].partition(" CONFIG SET ")
            assert at == f"redis-cli -h 127.0.0.1 -p {own_redis.port}"  # whatever else may run where it is pasted
            name, value = shlex.split(command)
            await redis.config_set(name, value)
    assert (await diagnose(topics, own_redis.url)).failed() == set()


async def test_a_wrong_password_is_told_and_not_printed(topics: Topics, own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url) as redis:
        await redis.config_set("requirepass", "the right one")
    diagnosis = await diagnose(topics, url_of(own_redis, password="the-wrong-one"))
    assert diagnosis.failed() == {("redis", "reachable")}
    assert "REALTIME_REDIS__URL" in diagnosis.of("redis", "reachable")["mend"]
    assert "the-wrong-one" not in diagnosis.text
    assert (await diagnose(topics, own_redis.url)).failed() == {("redis", "reachable")}  # with none at all


async def test_the_user_that_the_docs_propose_is_enough_and_a_lesser_one_is_found(
    topics: Topics, own_redis: RedisServer
) -> None:
    ours = (f"~{topics.prefix}:*", f"&{topics.prefix}:*", ">pass", "on")
    async with Redis.from_url(own_redis.url) as redis:
        await redis.execute_command("ACL SETUSER", "pod", *ours, "+@all", "-@dangerous")
        await redis.execute_command("ACL SETUSER", "less", *ours, "+@all", "-@dangerous", "-xadd")
        await redis.execute_command("ACL SETUSER", "none", *ours)
    enough = await diagnose(topics, url_of(own_redis, "pod", "pass"))
    assert enough.failed() == set()
    assert enough.status("redis", "configuration") == "warn"
    for user, subject in (("less", "scripts"), ("none", "reachable")):
        lacking = await diagnose(topics, url_of(own_redis, user, "pass"))
        assert lacking.failed() == {("redis", subject)}
        assert f"'~{topics.prefix}:*' '&{topics.prefix}:*'" in lacking.of("redis", subject)["mend"]


async def test_redis_away_does_not_keep_from_looking_at_kafka(topics: Topics) -> None:
    diagnosis = await diagnose(topics, f"redis://{NOBODY}/0")
    assert diagnosis.failed() == {("redis", "reachable")}
    assert diagnosis.status("kafka", "lag") == "ok"


async def test_sentinels_are_looked_at_and_one_that_is_taken_for_a_redis_is_found(
    topics: Topics, own_sentinel: RedisSentinel
) -> None:
    diagnosis = await diagnose(topics, own_sentinel.url)
    assert diagnosis.failed() == set(), diagnosis.text
    assert "3 know realtime" in diagnosis.of("redis", "sentinels")["told"]
    assert "primary" in diagnosis.of("redis", "mode")["told"]
    mistaken = await diagnose(topics, f"redis://127.0.0.1:{own_sentinel.sentinels[0].port}/0")
    assert ("redis", "mode") in mistaken.failed()
    await own_sentinel.sentinels[1].kill()
    await own_sentinel.sentinels[2].kill()

    async def is_told() -> bool:
        return ("redis", "sentinels") in (await diagnose(topics, own_sentinel.url)).failed()

    # The last one takes a second to find the others gone.
    await eventually(is_told, PATIENCE_SECONDS, "too few sentinels are told of")


async def test_each_primary_of_a_cluster_is_looked_at(topics: Topics, redis_cluster: RedisCluster) -> None:
    diagnosis = await diagnose(topics, redis_cluster.url, REALTIME_REDIS__SHARDS="6")
    assert diagnosis.failed() == set(), diagnosis.text
    assert "whole, 3 primaries" in diagnosis.of("redis", "cluster")["told"]
    heard = [f for f in diagnosis.findings if f["subject"].startswith("scripts ")]
    assert [finding["status"] for finding in heard] == ["ok"] * 3
    node = f"redis://127.0.0.1:{redis_cluster.nodes[0].port}/0"
    assert ("redis", "mode") in (await diagnose(topics, node)).failed()


# -- what we may do in Kafka -----------------------------------------------------------------------------------------

ALLOWED, DENIED = 3, 2
TOPIC, GROUP = 2, 3
READ, WRITE = 3, 4
LITERAL = 3


@pytest.fixture
async def strict_kafka(tmp_path: Path) -> AsyncIterator[ApacheKafka]:
    """A broker that looks at permissions; what nobody has forbidden is allowed."""
    if not takes_apache_kafka():
        pytest.skip("the embedded broker knows no permissions")
    kafka = ApacheKafka(
        tmp_path / "kafka",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found=true",
    )
    await kafka.start()
    yield kafka
    await kafka.kill()


async def forbid(kafka: Kafka, kind: int, name: str, operation: int) -> None:
    client = AIOKafkaClient(bootstrap_servers=kafka.bootstrap_servers)
    await client.bootstrap()
    try:
        for what, permission in ((operation, DENIED), (2, ALLOWED)):  # 2: any other operation
            request = CreateAclsRequest(kind, name, LITERAL, "User:ANONYMOUS", "*", what, permission)
            reply = await client.send(client.get_random_node(), request)
            assert [code for code, _ in reply.creation_responses] == [0]
    finally:
        await client.close()


async def test_what_we_may_not_do_is_found_without_doing_it(
    strict_kafka: ApacheKafka, redis_server: RedisServer
) -> None:
    topics = Topics(strict_kafka, "acl")
    await topics.create()
    assert (await diagnose(topics, redis_server.url)).failed() == set()
    await forbid(strict_kafka, TOPIC, topics.name("order.created"), READ)
    await forbid(strict_kafka, TOPIC, topics.name(DEAD_LETTERS), WRITE)
    await forbid(strict_kafka, GROUP, topics.group_id, READ)
    diagnosis = await diagnose(topics, redis_server.url)
    assert diagnosis.failed() == {
        ("kafka", f"topic {topics.name('order.created')}"),
        ("kafka", f"topic {topics.name(DEAD_LETTERS)}"),
        ("kafka", f"group {topics.group_id}"),
    }
    assert all("kafka-acls.sh" in diagnosis.of(*found)["mend"] for found in diagnosis.failed())
    assert await topics.read(DEAD_LETTERS) == []
