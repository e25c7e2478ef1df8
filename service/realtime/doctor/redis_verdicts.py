"""What is good or bad about a Redis; pure. `docs/redis.md` says why."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final

from realtime.doctor.finding import REDIS, Finding
from realtime.doctor.redis_cli import configure
from realtime.doctor.redis_facts import Sentinel, Server
from realtime.settings import Topology

MIB: Final = 1_048_576
OLDEST: Final = (7, 0)
# What docs/redis.md asks for, and below what a burst cuts pods off again and again.
PUBSUB_HARD_BYTES: Final = 256 * MIB
PUBSUB_SOFT_BYTES: Final = 64 * MIB
PUBSUB_TOO_SMALL_BYTES: Final = 8 * MIB
MEMORY_FULL: Final = 0.8
MEMORY_FAILS: Final = 0.95
CLIENTS_FULL: Final = 0.8
SLOW_MS: Final = 5.0
TOO_SLOW_MS: Final = 100.0
DOWN_AFTER_MAX_MS: Final = 5_000
REPLICA_LAG_MAX_SECONDS: Final = 10


def judge_server(server: Server, topology: Topology, cli: str, name: str = "") -> list[Finding]:
    """Everything that one server says of itself; `cli` is a redis-cli at it, `name` tells several apart."""
    suffix = f" {name}" if name else ""
    return [
        *_judge_kind(server, topology, suffix),
        *_judge_refusals(server, cli, suffix),
        *(_judge_memory(server, cli, suffix) if server.info else []),
        *(_judge_buffers(server, cli, suffix) if server.config else []),
        *(_judge_persistence(server, cli, suffix) if server.info else []),
        *(_judge_replicas(server, topology, cli, suffix) if server.info else []),
        *(_judge_clients(server, cli, suffix) if server.info else []),
    ]


def _judge_kind(server: Server, topology: Topology, suffix: str) -> list[Finding]:
    findings = []
    mode, role = server.hello.get("mode", "?"), server.hello.get("role", "?")
    if mode == "sentinel":
        mend = "begin REALTIME_REDIS__URL with redis+sentinel:// and end it with the name of `sentinel monitor`"
        return [REDIS.fail(f"mode{suffix}", f"{server.address} is a sentinel, not a Redis", mend)]
    if mode == "cluster" and topology is not Topology.CLUSTER:
        mend = "begin REALTIME_REDIS__URL with redis+cluster://, and name some of its nodes"
        findings.append(REDIS.fail(f"mode{suffix}", "it is a node of a cluster, and REALTIME_REDIS__URL is not", mend))
    elif role not in {"master", "?"}:
        mend = "name the primary in REALTIME_REDIS__URL, or ask sentinels for it (redis+sentinel://)"
        findings.append(REDIS.fail(f"mode{suffix}", f"{server.address} is a {role}; it takes no writes", mend))
    else:
        findings.append(REDIS.ok(f"mode{suffix}", f"{topology}, {'primary' if role == 'master' else role}"))
    # Valkey says which Redis it is compatible with in `redis_version`, and its own, which is higher, in HELLO.
    version, kind = server.hello.get("version", "?"), server.hello.get("server", "redis")
    if _numbers(version) < OLDEST:
        mend = "install Redis 7.0 or newer, or Valkey"
        findings.append(REDIS.fail(f"version{suffix}", f"{kind} {version} is too old", mend))
    else:
        findings.append(REDIS.ok(f"version{suffix}", f"{kind} {version}"))
    return findings


def _judge_refusals(server: Server, cli: str, suffix: str) -> list[Finding]:
    if not server.refused:
        return []
    what = {"INFO": "memory, persistence, replicas", "CONFIG GET": "output buffers and limits"}
    unseen = "; ".join(f"{command} ({what[command]}): {why}" for command, why in server.refused.items())
    mend = (
        "pods need neither; to have all looked at run the doctor once with an operator's REALTIME_REDIS__URL, "
        f"or {cli} ACL SETUSER <user> +info '+config|get'"
    )
    return [REDIS.warn(f"configuration{suffix}", f"not told: {unseen}", mend)]


def _judge_memory(server: Server, cli: str, suffix: str) -> list[Finding]:
    used, most = int(server.info.get("used_memory", 0)), int(server.info.get("maxmemory", 0))
    policy = server.info.get("maxmemory_policy") or server.config.get("maxmemory-policy", "?")
    findings = []
    set_policy = configure(cli, "maxmemory-policy noeviction")
    if policy == "noeviction":
        findings.append(REDIS.ok(f"eviction{suffix}", "noeviction"))
    elif most:
        told = f"maxmemory-policy is {policy}: an evicted position is a partition published again"
        findings.append(REDIS.fail(f"eviction{suffix}", told, set_policy))
    else:
        told = f"maxmemory-policy is {policy}, which evicts once there is a maxmemory"
        findings.append(REDIS.warn(f"eviction{suffix}", told, set_policy))
    if not most:
        told = f"{_size(used)} used, without a maxmemory: when the machine's is full the kernel ends Redis"
        mend = configure(cli, "maxmemory <three quarters of the machine's>")
        findings.append(REDIS.warn(f"memory{suffix}", told, mend))
        return findings
    told = f"{_size(used)} of {_size(most)} used"
    mend = "raise maxmemory, or lower REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM or REALTIME_HISTORY__RETENTION_SECONDS"
    if used > MEMORY_FAILS * most:
        findings.append(REDIS.fail(f"memory{suffix}", f"{told}: publications will be refused", mend))
    elif used > MEMORY_FULL * most:
        findings.append(REDIS.warn(f"memory{suffix}", told, mend))
    else:
        findings.append(REDIS.ok(f"memory{suffix}", told))
    return findings


def _judge_buffers(server: Server, cli: str, suffix: str) -> list[Finding]:
    limits = pubsub_limits(server.config.get("client-output-buffer-limit", ""))
    if limits is None:
        return []
    hard, soft, seconds = limits
    told = f"pubsub {_size(hard)} at once, {_size(soft)} for {seconds} s"
    mend = configure(cli, "client-output-buffer-limit 'pubsub 256mb 64mb 60'")
    if 0 < hard < PUBSUB_TOO_SMALL_BYTES or 0 < soft < PUBSUB_TOO_SMALL_BYTES / 4:
        why = "a burst cuts pods off, and cuts them off again when they catch up"
        return [REDIS.fail(f"output buffer{suffix}", f"{told}: {why}", mend)]
    if 0 < hard < PUBSUB_HARD_BYTES or 0 < soft < PUBSUB_SOFT_BYTES:
        return [REDIS.warn(f"output buffer{suffix}", f"{told}: a large burst cuts pods off", mend)]
    return [REDIS.ok(f"output buffer{suffix}", told)]


def pubsub_limits(text: str) -> tuple[int, int, int] | None:
    """Read `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`; 0: no limit."""
    words = text.split()
    if "pubsub" not in words:
        return None
    at = words.index("pubsub")
    hard, soft, seconds = words[at + 1 : at + 4]
    return int(hard), int(soft), int(seconds)


def _judge_persistence(server: Server, cli: str, suffix: str) -> list[Finding]:
    info, subject = server.info, f"persistence{suffix}"
    if info.get("aof_enabled") and info.get("aof_last_write_status", "ok") != "ok":
        mend = "see Redis's own log: is the disk full?"
        return [REDIS.fail(subject, "the last write to the append-only file failed", mend)]
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        mend = (
            "see Redis's own log: is the disk full, may it fork? By default Redis takes no writes any more until then"
        )
        return [REDIS.fail(subject, "the last snapshot failed", mend)]
    if info.get("aof_enabled"):
        return [_judge_append_only(server.config.get("appendfsync", "everysec"), cli, subject)]
    told = "none: a restart is an empty Redis, and clients that return are told history_lost"
    if server.config.get("save"):
        told = "snapshots alone: a restart goes back by minutes, and these are published again"
    elif not server.config:
        told = "no append-only file"
    return [REDIS.warn(subject, told, configure(cli, "appendonly yes appendfsync everysec"))]


def _judge_append_only(fsync: str, cli: str, subject: str) -> Finding:
    if fsync == "always":
        told = "appendfsync is always: each batch waits for the disk"
        return REDIS.warn(subject, told, configure(cli, "appendfsync everysec"))
    return REDIS.ok(subject, f"append-only file, appendfsync {fsync}")


def _judge_replicas(server: Server, topology: Topology, cli: str, suffix: str) -> list[Finding]:
    info, subject = server.info, f"replicas{suffix}"
    replicas = [value for name, value in info.items() if name.startswith("slave") and isinstance(value, dict)]
    if not replicas:
        told = "none: when this server is gone, nobody takes its place"
        return [REDIS.warn(subject, told, "docs/redis.md: Sentinel or Cluster, with two replicas for each primary")]
    behind = [r for r in replicas if r.get("state") != "online" or int(r.get("lag", 0)) > REPLICA_LAG_MAX_SECONDS]
    if behind:
        told = f"{len(behind)} of {len(replicas)} are not there, or more than {REPLICA_LAG_MAX_SECONDS} s behind"
        return [REDIS.warn(subject, told, f"{cli} INFO replication; see the replica's own log")]
    if topology is not Topology.SINGLE and server.config.get("min-replicas-to-write", "1") == "0":
        told = f"{len(replicas)}, but a primary that is cut off from them goes on, and what it takes is lost"
        return [REDIS.warn(subject, told, configure(cli, "min-replicas-to-write 1 min-replicas-max-lag 10"))]
    return [REDIS.ok(subject, f"{len(replicas)}, all online")]


def _judge_clients(server: Server, cli: str, suffix: str) -> list[Finding]:
    now = int(server.info.get("connected_clients", 0))
    most = int(server.info.get("maxclients", 0) or server.config.get("maxclients", 0))
    told = f"{now:,} of {most:,} connected"
    if most and now > CLIENTS_FULL * most:
        return [REDIS.warn(f"clients{suffix}", told, configure(cli, "maxclients 20000"))]
    return [REDIS.ok(f"clients{suffix}", told)] if most else []


def judge_round_trips(milliseconds: Sequence[float], cli: str, name: str = "") -> Finding:
    """How long ten of them took; every publication and every join is at least one."""
    subject = f"latency {name}".rstrip()
    usual, longest = median(milliseconds), max(milliseconds)
    told = f"{usual:.2f} ms, the longest of {len(milliseconds)} {longest:.2f} ms"
    mend = f"put Redis nearer to the pods; {cli} --latency, {cli} SLOWLOG GET 10, {cli} INFO commandstats"
    if usual > TOO_SLOW_MS:
        return REDIS.fail(subject, told, mend)
    if usual > SLOW_MS or longest > TOO_SLOW_MS:
        return REDIS.warn(subject, told, mend)
    return REDIS.ok(subject, told)


def judge_sentinels(sentinels: Sequence[Sentinel], service: str, cli_at: Callable[[str], str]) -> list[Finding]:
    """Whether there are enough of them that know our service; `cli_at` makes a redis-cli at an address."""
    knowing = [sentinel for sentinel in sentinels if not sentinel.error]
    findings = []
    for sentinel in sentinels:
        if sentinel.error:
            mend = f"{cli_at(sentinel.address)} SENTINEL MASTER {service}"
            findings.append(REDIS.warn("sentinels", f"{sentinel.address}: {sentinel.error}", mend))
    if not knowing:
        return [*findings, REDIS.fail("sentinels", f"none knows {service}", "start them, or mend REALTIME_REDIS__URL")]
    about = knowing[0].about
    count = int(about.get("num-other-sentinels", 0)) + 1
    if knowing[0].without_quorum:
        told = f"they could not agree on a new primary: {knowing[0].without_quorum}"
        mend = f"start the others; {cli_at(knowing[0].address)} SENTINEL CKQUORUM {service}"
        findings.append(REDIS.fail("sentinels", told, mend))
    elif count < 3:
        told = f"{count} of them: when one is gone, nobody makes a replica the primary"
        findings.append(REDIS.warn("sentinels", told, "run three, on three machines"))
    else:
        findings.append(REDIS.ok("sentinels", f"{count} know {service}, quorum {about.get('quorum', '?')}"))
    down_after_ms = int(about.get("down-after-milliseconds", 0))
    if down_after_ms > DOWN_AFTER_MAX_MS:
        told = f"a dead primary is noticed after {down_after_ms / 1_000:g} s"
        setting = f"SENTINEL SET {service} down-after-milliseconds {DOWN_AFTER_MAX_MS}"
        mend = "on each sentinel: " + " && ".join(f"{cli_at(sentinel.address)} {setting}" for sentinel in sentinels)
        findings.append(REDIS.warn("failover", told, mend))
    return findings


def judge_cluster(about: Mapping[str, str], shards: int, check: str) -> list[Finding]:
    """Whether the cluster is whole, and whether we spread over it; `check` asks it for more in a shell."""
    findings = []
    if about.get("cluster_state") != "ok":
        told = f"cluster_state is {about.get('cluster_state', '?')}, {about.get('cluster_slots_fail', '?')} slots fail"
        findings.append(REDIS.fail("cluster", told, f"{check}; start the nodes that are gone"))
    else:
        findings.append(REDIS.ok("cluster", f"whole, {about.get('cluster_size', '?')} primaries with slots"))
    primaries = int(about.get("cluster_size", 1))
    if shards < primaries:
        told = f"REALTIME_REDIS__SHARDS is {shards}, so {primaries - shards} of {primaries} primaries do nothing"
        mend = f"stop all pods, and start them with REALTIME_REDIS__SHARDS={2 * primaries} (docs/redis.md)"
        findings.append(REDIS.warn("shards", told, mend))
    return findings


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _size(count: int) -> str:
    if count == 0:
        return "no limit"
    for unit in ("B", "KB", "MB"):
        if count < 1_024:
            return f"{count:.0f} {unit}"
        count /= 1_024  # type: ignore[assignment]
    return f"{count:.1f} GB"
