"""What the model rests on: each constant with its unit, and the run that it comes from."""

import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from model import fit
from model.curve import Curve
from model.fit import ALWAYS, COPIES, DELIVERIES, EVENTS, PODS, RECORDS, ROOM_MESSAGES, US_PER_SECOND

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "loadtest" / "results"
SOURCES: Final = Path(__file__).with_name("sources.toml")
SCALE, BENCH, REDIS, CEILING = "scale", "bench", "redis", "ceiling"
MESSAGES_TO_ITS_USER: Final = 2


class NotMeasured(Exception):
    """A run that the model rests on is not there."""


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
    redis_alone_per_second: float = _of(SCALE, "a second", "records of all pods, where that was measured")
    redis_burst_per_second: float = _of(SCALE, "a second", "… and where more of them come together")
    redis_burst_record_us: float = _of(SCALE, "us", "… which then cost")
    redis_batched_record_us: float = _of(REDIS, "us", "… 500 a call")
    redis_copy_us: float = _of(SCALE, "us", "Redis sends a message to one subscriber more")
    redis_session_us: float = _of(REDIS, "us", "Redis keeps a session again, thrice in `recovery.session_seconds`")
    redis_newcomer_session_us: float = _of(REDIS, "us", "Redis keeps a newcomer's session")
    redis_newcomer_device_us: float = _of(REDIS, "us", "Redis takes in a newcomer's device")
    redis_pod_in_bytes: float = _of(SCALE, "bytes a second", "Redis receives from each pod, idle")
    redis_record_in_bytes: float = _of(SCALE, "bytes", "… for each record")
    redis_pod_out_bytes: float = _of(SCALE, "bytes a second", "Redis sends to each pod, idle")
    redis_record_out_bytes: float = _of(SCALE, "bytes", "… for each record, to the pod that published it")
    redis_copy_out_bytes: float = _of(SCALE, "bytes", "… for each message to each pod that hears it")
    room_bytes: float = _of(REDIS, "bytes", "Redis keeps a room with up to ten messages")
    device_bytes: float = _of(REDIS, "bytes", "… a device")
    session_bytes: float = _of(REDIS, "bytes", "… a session that can be resumed")
    subscription_bytes: float = _of(REDIS, "bytes", "… a subscription of a room by one pod")
    message_bytes: float = _of(REDIS, "bytes", "a message, as a finished packet")
    pod_bytes: float = _of(SCALE, "bytes", "a pod holds, with the few sockets of that run")
    socket_in_pod_bytes: float = _of(CEILING, "bytes", "… for each socket with a token and the rooms of a user")
    socket_in_kernel_bytes: float = _of(CEILING, "bytes", "the kernel holds for it: one end of its connection")
    pod_report_bytes: float = _of(SCALE, "bytes", "a pod tells the others of itself, each `stats.interval_seconds`")
    rebalance_seconds: float = _of(SCALE, "seconds", "an event waits at most when one pod comes or goes")

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
        """Redis for a record, without copies, by records a second of all pods; where calls are full it is full, too."""
        return Curve(
            (
                (self.redis_alone_per_second, self.redis_record_us),
                (self.redis_burst_per_second, self.redis_burst_record_us),
                (US_PER_SECOND / self.redis_batched_record_us, self.redis_batched_record_us),
            )
        )


@dataclass(frozen=True)
class Sources:
    """Which runs, by their directories; and the steps of `make scale`, the largest of which is left to check by."""

    paths: Mapping[str, str]
    steps: Sequence[Mapping[str, Any]]

    def of(self, name: str) -> str:
        """Where a constant comes from, relative to the repository."""
        metadata = next(f.metadata for f in fields(Constants) if f.name == name)
        return self.paths[metadata["source"]]


def read() -> tuple[Constants, Sources]:
    """Fit and collect all constants from the runs that sources.toml names. Raises `NotMeasured`."""
    named = tomllib.loads(SOURCES.read_text())
    scale, bench, redis = (_results(kind, named[kind]) for kind in (SCALE, BENCH, REDIS))
    paths = {kind: f"loadtest/results/{named[kind]}" for kind in (SCALE, BENCH, REDIS, CEILING)}
    of_scale = _of_scale(scale)
    if named[CEILING]:
        of_sockets = _of_sockets(_results(CEILING, named[CEILING]))
    else:
        paths[CEILING] = "docs/doctor.md"
        of_sockets = {"socket_in_pod_bytes": named["socket_in_pod_bytes"], "socket_in_kernel_bytes": math.nan}
    constants = Constants(**of_scale, **_of_bench(bench, of_scale), **_of_redis(redis), **of_sockets)
    return constants, Sources(paths, scale["steps"])


def us_an_event(step: Mapping[str, Any], phase: str, cpu: Callable[[Mapping[str, Any]], float]) -> float:
    """CPU above idling, for each event of a phase."""
    idle, busy = (step["phases"][name]["reading"] for name in ("idle", phase))
    above = cpu(busy["spent"]) - cpu(idle["spent"]) / idle["seconds"] * busy["seconds"]
    return float(above / step["phases"][phase]["events"] * US_PER_SECOND)


def _of_scale(told: Mapping[str, Any]) -> dict[str, float]:
    # The largest step is left to check by.
    steps, first = told["steps"][:-1], told["steps"][0]
    copy_us, burst = _copy_us(told["copies"]), first["phases"]["burst"]
    pods, redis_points = fit.pod_points(steps), fit.redis_points(steps)
    pod, redis = fit.fit(pods), fit.fit(redis_points, {COPIES: copy_us / US_PER_SECOND})
    bytes_in, out = (fit.fit(fit.redis_bytes_points(steps, way)) for way in ("bytes_in", "bytes_out"))
    delivered_us = MESSAGES_TO_ITS_USER * pod[DELIVERIES] * US_PER_SECOND
    orders_a_second = burst["events"] / burst["reading"]["seconds"]
    burst_us = us_an_event(first, "burst", lambda spent: sum(spent["pods"].values())) - delivered_us
    return {
        "pod_idle_cores": pod[ALWAYS],
        "record_us": pod[RECORDS] * US_PER_SECOND,
        "room_message_us": pod[ROOM_MESSAGES] * US_PER_SECOND,
        "delivery_us": pod[DELIVERIES] * US_PER_SECOND,
        "alone_per_second": max(point.done[RECORDS] + point.done[ROOM_MESSAGES] for point in pods),
        "burst_per_second": orders_a_second * (1 + MESSAGES_TO_ITS_USER),
        "burst_share": burst_us / (pod[RECORDS] + MESSAGES_TO_ITS_USER * pod[ROOM_MESSAGES]) / US_PER_SECOND,
        "redis_idle_cores": redis[ALWAYS],
        "redis_pod_us": redis[PODS] * US_PER_SECOND,
        "redis_record_us": redis[EVENTS] * US_PER_SECOND,
        "redis_alone_per_second": max(point.done[EVENTS] for point in redis_points),
        "redis_burst_per_second": orders_a_second,
        "redis_burst_record_us": us_an_event(first, "burst", lambda spent: spent["redis"])
        - MESSAGES_TO_ITS_USER * copy_us,
        "redis_copy_us": copy_us,
        "redis_pod_in_bytes": bytes_in[PODS],
        "redis_record_in_bytes": bytes_in[EVENTS],
        "redis_pod_out_bytes": out[PODS],
        "redis_record_out_bytes": out[EVENTS],
        "redis_copy_out_bytes": out[COPIES],
        "pod_bytes": fmean(step["resident_bytes"] for step in steps),
        "pod_report_bytes": fmean(step["pod_report_bytes"] for step in steps),
        "rebalance_seconds": max(step[way]["longest_wait_seconds"] for step in steps for way in ("came", "went")),
    }


def _copy_us(copies: Sequence[Mapping[str, float]]) -> float:
    """What each subscriber more costs Redis."""
    few, many = copies[0], copies[-1]
    return (many["us_a_message"] - few["us_a_message"]) / (many["subscribers"] - few["subscribers"])


def _of_bench(told: Mapping[str, Any], of_scale: Mapping[str, float]) -> dict[str, float]:
    medians = {one["id"]: one["servers"].get("ours", {}).get("median") for one in told["measured"]}
    alone_us = of_scale["record_us"] + MESSAGES_TO_ITS_USER * of_scale["room_message_us"]
    return {
        "backlog_per_second": medians["kafka/rate"] * (1 + MESSAGES_TO_ITS_USER),
        # With its deliveries, which in a backlog are next to nothing.
        "backlog_share": medians["kafka/cpu"] / alone_us,
    }


def _of_redis(told: Mapping[str, Any]) -> dict[str, float]:
    rows = {row["what"]: row["value"] for row in told["rows"]}
    return {
        "redis_batched_record_us": rows["publishing a record, 500 a call"],
        "redis_session_us": rows["keeping a session again, 500 a call"],
        "redis_newcomer_session_us": rows["keeping a session, alone"],
        "redis_newcomer_device_us": rows["a device's arrival, alone"],
        "room_bytes": rows["a room with 10 messages"],
        "device_bytes": rows["a user with one device"],
        "session_bytes": rows["a session that can be resumed, with two rooms"],
        "subscription_bytes": rows["a room's subscription, by pod 1"],
        "message_bytes": rows["a message's packet, for comparison"],
    }


def _of_sockets(climb: Mapping[str, Any]) -> dict[str, float]:
    last, empty = climb["steps"][-1], climb["empty"]
    grown = {part: (last["memory"][part] - empty[part]) / last["sockets"] for part in ("pods", "kernel")}
    # The climb has both ends of each connection on its machine.
    return {"socket_in_pod_bytes": grown["pods"], "socket_in_kernel_bytes": grown["kernel"] / 2}


def _results(kind: str, run: str) -> dict[str, Any]:
    path = RESULTS / run / "results.json"
    if not path.is_file():
        raise NotMeasured(f"{SOURCES.relative_to(ROOT)}: {kind} names no run in loadtest/results: {run!r}")
    told: dict[str, Any] = json.loads(path.read_text())
    return told
