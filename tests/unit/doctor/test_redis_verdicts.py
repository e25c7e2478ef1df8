"""What is found bad about a Redis, and what is not."""

from collections.abc import Mapping
from typing import Any

import pytest

from realtime.doctor.finding import Finding, Status
from realtime.doctor.redis_facts import Sentinel, Server
from realtime.doctor.redis_verdicts import (
    judge_cluster,
    judge_round_trips,
    judge_sentinels,
    judge_server,
    pubsub_limits,
)
from realtime.settings import Topology

MIB = 1_048_576
CLI = "redis-cli -h 127.0.0.1 -p 6379"
HELLO = {"server": "redis", "version": "7.2.5", "mode": "standalone", "role": "master"}
INFO = {
    "used_memory": 10 * MIB,
    "maxmemory": 100 * MIB,
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "connected_clients": 12,
    "maxclients": 10_000,
    "slave0": {"state": "online", "lag": 0},
}
LARGE = f"normal 0 0 0 slave 268435456 67108864 60 pubsub {256 * MIB} {64 * MIB} 60"
CONFIG = {
    "client-output-buffer-limit": LARGE,
    "appendfsync": "everysec",
    "save": "",
    "min-replicas-to-write": "1",
}


def judged(
    hello: Mapping[str, str] = {},
    info: Mapping[str, Any] = {},
    config: Mapping[str, str] = {},
    topology: Topology = Topology.SINGLE,
) -> dict[str, Finding]:
    server = Server("127.0.0.1:6379", {**HELLO, **hello}, {**INFO, **info}, {**CONFIG, **config})
    return {finding.subject: finding for finding in judge_server(server, topology, CLI)}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in INFO.items() if name not in names}


def test_of_a_redis_as_it_should_be_nothing_is_to_be_mended() -> None:
    assert {finding.status for finding in judged().values()} == {Status.OK}


@pytest.mark.parametrize(
    ("subject", "status", "facts"),
    [
        ("mode", Status.FAIL, {"hello": {"mode": "sentinel"}}),
        ("mode", Status.FAIL, {"hello": {"mode": "cluster"}}),
        ("mode", Status.FAIL, {"hello": {"role": "replica"}}),
        ("version", Status.FAIL, {"hello": {"version": "6.2.14"}}),
        ("version", Status.OK, {"hello": {"server": "valkey", "version": "8.1.0"}}),
        ("version", Status.FAIL, {"hello": {"version": "?"}}),
        ("eviction", Status.FAIL, {"info": {"maxmemory_policy": "allkeys-lru"}}),
        ("eviction", Status.WARN, {"info": {"maxmemory_policy": "volatile-ttl", "maxmemory": 0}}),
        ("memory", Status.WARN, {"info": {"maxmemory": 0}}),
        ("memory", Status.WARN, {"info": {"used_memory": 85 * MIB}}),
        ("memory", Status.FAIL, {"info": {"used_memory": 96 * MIB}}),
        ("output buffer", Status.WARN, {"config": {"client-output-buffer-limit": "pubsub 33554432 8388608 60"}}),
        ("output buffer", Status.FAIL, {"config": {"client-output-buffer-limit": "pubsub 1048576 524288 60"}}),
        ("output buffer", Status.FAIL, {"config": {"client-output-buffer-limit": f"pubsub 0 {MIB} 60"}}),
        ("output buffer", Status.OK, {"config": {"client-output-buffer-limit": "pubsub 0 0 0"}}),
        ("persistence", Status.WARN, {"info": {"aof_enabled": 0}}),
        ("persistence", Status.WARN, {"info": {"aof_enabled": 0}, "config": {"save": "3600 1"}}),
        ("persistence", Status.WARN, {"config": {"appendfsync": "always"}}),
        ("persistence", Status.FAIL, {"info": {"aof_last_write_status": "err"}}),
        ("persistence", Status.FAIL, {"info": {"rdb_last_bgsave_status": "err"}}),
        ("replicas", Status.WARN, {"info": {"slave0": None}}),
        ("replicas", Status.WARN, {"info": {"slave0": {"state": "wait_bgsave", "lag": 0}}}),
        ("replicas", Status.WARN, {"info": {"slave0": {"state": "online", "lag": 30}}}),
        (
            "replicas",
            Status.WARN,
            {"config": {"min-replicas-to-write": "0"}, "topology": Topology.SENTINEL},
        ),
        ("replicas", Status.OK, {"config": {"min-replicas-to-write": "0"}}),
        ("clients", Status.WARN, {"info": {"connected_clients": 9_000}}),
    ],
)
def test_what_is_wrong_is_found_and_told_with_a_remedy(subject: str, status: Status, facts: dict[str, Any]) -> None:
    found = judged(**facts)
    assert found[subject].status is status, found[subject]
    assert bool(found[subject].mend) == (status is not Status.OK)
    assert found[subject].mend.count("redis-cli") == found[subject].mend.count(CLI)
    others = {finding.status for name, finding in found.items() if name not in {subject, "memory"}}
    assert others <= {Status.OK}


def test_a_user_who_may_not_ask_is_told_so_and_nothing_is_made_up() -> None:
    server = Server("r:6379", HELLO, refused={"INFO": "NOPERM", "CONFIG GET": "NOPERM"})
    found = {finding.subject: finding.status for finding in judge_server(server, Topology.SINGLE, CLI)}
    assert found == {"mode": Status.OK, "version": Status.OK, "configuration": Status.WARN}


def test_several_servers_are_told_apart() -> None:
    server = Server("a:1", HELLO, INFO, CONFIG)
    assert all(finding.subject.endswith(" a:1") for finding in judge_server(server, Topology.CLUSTER, CLI, "a:1"))


@pytest.mark.parametrize(
    ("milliseconds", "status"),
    [
        ([0.2] * 10, Status.OK),
        ([7.0] * 10, Status.WARN),
        ([0.2] * 9 + [150.0], Status.WARN),
        ([120.0] * 10, Status.FAIL),
    ],
)
def test_slow_round_trips_are_found(milliseconds: list[float], status: Status) -> None:
    finding = judge_round_trips(milliseconds, CLI)
    assert finding.status is status
    assert finding.mend.count("redis-cli") == finding.mend.count(CLI)


def test_buffer_limits_are_read_where_there_are_any() -> None:
    assert pubsub_limits(LARGE) == (256 * MIB, 64 * MIB, 60)
    assert pubsub_limits("") is None


def sentinel(**about: Any) -> Sentinel:
    return Sentinel("s:1", {"num-other-sentinels": 2, "quorum": 2, "down-after-milliseconds": 5_000} | about)


@pytest.mark.parametrize(
    ("sentinels", "statuses"),
    [
        ([sentinel()], {"sentinels": Status.OK}),
        ([sentinel(), Sentinel("s:2", error="refused")], {"sentinels": Status.OK}),
        ([Sentinel("s:2", error="refused")], {"sentinels": Status.FAIL}),
        ([sentinel(**{"num-other-sentinels": 1})], {"sentinels": Status.WARN}),
        ([Sentinel("s:1", {"num-other-sentinels": 2}, "NOQUORUM 1 usable")], {"sentinels": Status.FAIL}),
        ([sentinel(**{"down-after-milliseconds": 30_000})], {"sentinels": Status.OK, "failover": Status.WARN}),
    ],
)
def test_sentinels_must_be_enough(sentinels: list[Sentinel], statuses: dict[str, Status]) -> None:
    found = judge_sentinels(sentinels, "realtime", "redis-cli at {}".format)
    assert {finding.subject: finding.status for finding in found} == statuses
    assert all(f.mend.count("redis-cli") == f.mend.count("redis-cli at s:") for f in found)
    assert sum("refused" in finding.told for finding in found) == sum(bool(one.error) for one in sentinels)


@pytest.mark.parametrize(
    ("about", "shards", "statuses"),
    [
        ({"cluster_state": "ok", "cluster_size": "3"}, 6, [Status.OK]),
        ({"cluster_state": "ok", "cluster_size": "3"}, 1, [Status.OK, Status.WARN]),
        ({"cluster_state": "fail", "cluster_size": "3", "cluster_slots_fail": "9"}, 3, [Status.FAIL]),
    ],
)
def test_a_cluster_must_be_whole_and_used(about: dict[str, str], shards: int, statuses: list[Status]) -> None:
    found = judge_cluster(about, shards, "redis-cli --cluster check n:1")
    assert [finding.status for finding in found] == statuses
    assert all("check n:1" in finding.mend for finding in found if finding.status is Status.FAIL)
