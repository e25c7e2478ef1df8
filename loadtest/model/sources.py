"""The runs that the model rests on, and the constants that are fitted to them or taken from them."""

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from bench.scenarios.kafka import PARTITIONS as BACKLOG_PARTITIONS
from model import fit
from model.constants import BENCH, REDIS, SCALE, SOCKETS, Constants
from model.fit import ALWAYS, COPIES, DELIVERIES, EVENTS, PODS, READINGS, RECORDS, ROOM_MESSAGES
from scale.figures import BURST, US_PER_SECOND, of_pods, of_redis, us_an_event
from scale.outcome import Copies, Kept, Step, by_pods
from scale.outcome import read as read_scale
from scale.quiet import disturbances

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "loadtest" / "results"
SOURCES: Final = Path(__file__).with_name("sources.toml")
CEILING, SCORECARD = "ceiling", "scorecard"
MESSAGES_TO_ITS_USER: Final = 2
# Two to fit to, or what each pod takes of Redis cannot be told from what Redis takes by itself; one to check by.
NUMBERS_MIN: Final = 3
BYTES_PER_GIB: Final = 1 << 30


class NotMeasured(Exception):
    """A run that the model rests on is not there, or is not what it should be."""


@dataclass(frozen=True)
class Sources:
    """Which runs, by their directories from the repository; on what processor each was; all of that of `make scale`.

    The largest number of pods is left to check by. `ranges`: of constants that are fitted, the lowest and the highest
    that come out when one number of pods is left out, each in its turn. `redis_socket_bytes` is what `make ceiling`
    found Redis to keep of a socket to whose user nothing was told yet; None without it.
    """

    paths: Mapping[str, str]
    processors: Mapping[str, str]
    scale: Kept
    backlog_us: float
    ranges: Mapping[str, tuple[float, float]]
    redis_socket_bytes: float | None

    def of(self, name: str) -> str:
        """Where a constant comes from."""
        return self.paths[_kind(name)]

    @property
    def disturbances(self) -> list[str]:
        """What else the machine did while more pods were measured."""
        return disturbances(self.scale.machine, self.scale.cores, self.scale.steps)

    @property
    def burst_pods(self) -> int:
        """The number of pods whose burst is fitted to; that of others is checked by."""
        return _burst(self.scale)[0].pods


def name_run(kind: str, run: str) -> None:
    """Let sources.toml name another run."""
    written = SOURCES.read_text()
    SOURCES.write_text(re.sub(rf'^{kind} = ".*"$', f'{kind} = "{run}"', written, count=1, flags=re.MULTILINE))


def read(others: Mapping[str, str] | None = None) -> tuple[Constants, Sources]:
    """Fit and collect all constants from the runs that sources.toml names, or from others. Raises `NotMeasured`."""
    named: dict[str, str] = tomllib.loads(SOURCES.read_text()) | dict(others or {})
    sockets = CEILING if named[CEILING] else SCORECARD
    runs = {SCALE: named[SCALE], BENCH: named[BENCH], REDIS: named[REDIS], SOCKETS: named[sockets]}
    try:
        told = {kind: json.loads(_path(kind, run).read_text()) for kind, run in runs.items()}
        kept = read_scale(_path(SCALE, named[SCALE]))
        of_scale, ranges = _of_scale(kept), _ranges(kept)
        medians = {one["id"]: one["servers"].get("ours", {}).get("median") for one in told[BENCH]["measured"]}
        of_sockets = (_of_ceiling if sockets == CEILING else _of_scorecard)(told[SOCKETS])
        constants = Constants(**of_scale, **_of_bench(medians, of_scale), **_of_redis(told[REDIS]), **of_sockets)
    except (KeyError, IndexError, StopIteration, TypeError, ValueError) as error:
        names = ", ".join(f"{kind} {run}" for kind, run in runs.items())
        raise NotMeasured(f"One of these runs is not what its kind should be ({names}): {error!r}") from error
    return constants, Sources(
        paths={kind: f"loadtest/results/{run}" for kind, run in runs.items()},
        processors={kind: one["machine"]["processor"] for kind, one in told.items()},
        scale=kept,
        backlog_us=medians["kafka/cpu"],
        ranges=ranges,
        redis_socket_bytes=_of_a_socket(told[SOCKETS], "redis") if sockets == CEILING else None,
    )


def _kind(name: str) -> str:
    kind: str = next(one.metadata["source"] for one in fields(Constants) if one.name == name)
    return kind


def _path(kind: str, run: str) -> Path:
    path = RESULTS / run / "results.json"
    if not run or not path.is_file():
        raise NotMeasured(f"{kind}: there is no such run in loadtest/results: {run!r}")
    return path


# -- make scale ------------------------------------------------------------------------------------------------------


def fitted(kept: Kept) -> dict[int, list[Step]]:
    """The steps that are fitted to, by their pods: all but the largest. Raises `NotMeasured`."""
    numbers = by_pods(kept.steps)
    if len(numbers) < NUMBERS_MIN:
        raise NotMeasured(f"make scale has to have at least {NUMBERS_MIN} numbers of pods; not {list(numbers)}")
    numbers.pop(max(numbers))
    return numbers


def _of_scale(kept: Kept, without: int | None = None) -> dict[str, float]:
    steps = [step for pods, repetitions in fitted(kept).items() if pods != without for step in repetitions]
    copy_us, bursts = _copy_us(kept.copies), _burst(kept)
    pods, redis_points = fit.pod_points(steps), fit.redis_points(steps)
    pod, redis = fit.fit_from_rest(pods), fit.fit_from_rest(redis_points, {COPIES: copy_us / US_PER_SECOND})
    bytes_in = fit.fit_from_rest(fit.redis_bytes_in_points(steps))
    bytes_out = fit.fit_from_rest(fit.redis_bytes_out_points(steps))
    delivered_us = MESSAGES_TO_ITS_USER * pod[DELIVERIES] * US_PER_SECOND
    orders_a_second = fmean(step.phases[BURST].events / step.phases[BURST].reading.seconds for step in bursts)
    burst_us = fmean(us_an_event(step, BURST, of_pods) for step in bursts) - delivered_us
    redis_burst_us = fmean(us_an_event(step, BURST, of_redis) for step in bursts) - MESSAGES_TO_ITS_USER * copy_us
    alone = [point for point in pods if point.phase != BURST]
    return {
        "pod_idle_cores": pod[ALWAYS],
        "record_us": pod[RECORDS] * US_PER_SECOND,
        "room_message_us": pod[ROOM_MESSAGES] * US_PER_SECOND,
        "delivery_us": pod[DELIVERIES] * US_PER_SECOND,
        "alone_per_second": max(point.done[RECORDS] + point.done[ROOM_MESSAGES] for point in alone),
        "burst_per_second": orders_a_second / bursts[0].pods * (1 + MESSAGES_TO_ITS_USER),
        "burst_share": burst_us / (pod[RECORDS] + MESSAGES_TO_ITS_USER * pod[ROOM_MESSAGES]) / US_PER_SECOND,
        "redis_idle_cores": redis[ALWAYS],
        "redis_pod_us": redis[PODS] * US_PER_SECOND,
        "redis_record_us": redis[EVENTS] * US_PER_SECOND,
        "redis_alone_per_second": max(point.per_partition for point in redis_points if point.phase != BURST),
        "redis_burst_per_second": orders_a_second / bursts[0].partitions,
        "redis_burst_record_us": redis_burst_us,
        "redis_copy_us": copy_us,
        "redis_pod_in_bytes": bytes_in[PODS],
        "redis_record_in_bytes": bytes_in[EVENTS],
        "redis_pod_out_bytes": bytes_out[PODS],
        "redis_record_out_bytes": bytes_out[EVENTS],
        "redis_reading_out_bytes": bytes_out[READINGS],
        "redis_copy_out_bytes": bytes_out[COPIES],
        "pod_bytes": fmean(step.resident_bytes for step in steps),
        "pod_report_bytes": fmean(step.pod_report_bytes for step in steps),
        "rebalance_seconds": max(step.went.longest_wait_seconds for step in steps if step.went),
    }


def _ranges(kept: Kept) -> dict[str, tuple[float, float]]:
    numbers = fitted(kept)
    if len(numbers) < NUMBERS_MIN:
        return {}  # without one of two nothing can be fitted
    found = [_of_scale(kept, without) for without in numbers]
    least = {name: (min(one[name] for one in found), max(one[name] for one in found)) for name in found[0]}
    # What is not fitted, or but to one number of pods, is the same without the others.
    return {name: ends for name, ends in least.items() if ends[0] < ends[1]}


def _burst(kept: Kept) -> list[Step]:
    """The repetitions of the smallest number of pods that had a burst. Raises `NotMeasured`."""
    for repetitions in fitted(kept).values():
        if all(BURST in step.phases for step in repetitions):
            return repetitions
    raise NotMeasured("make scale has no burst of those numbers of pods that are fitted to")


def _copy_us(copies: Sequence[Copies]) -> float:
    """What each subscriber more costs Redis."""
    few, many = copies[0], copies[-1]
    return (many.us_a_message - few.us_a_message) / (many.subscribers - few.subscribers)


# -- other runs ------------------------------------------------------------------------------------------------------


def _of_bench(medians: Mapping[str, float], of_scale: Mapping[str, float]) -> dict[str, float]:
    alone_us = of_scale["record_us"] + MESSAGES_TO_ITS_USER * of_scale["room_message_us"]
    return {
        "backlog_per_second": medians["kafka/rate"] * (1 + MESSAGES_TO_ITS_USER),
        # With its deliveries, which in a backlog are next to nothing.
        "backlog_share": medians["kafka/cpu"] / alone_us,
        "redis_batched_per_second": medians["kafka/rate"] / BACKLOG_PARTITIONS,
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


def _of_ceiling(climb: Mapping[str, Any]) -> dict[str, float]:
    # The climb has both ends of each connection on its machine.
    kernel_bytes = _of_a_socket(climb, "kernel") / 2
    return {"socket_in_pod_bytes": _of_a_socket(climb, "pods"), "socket_in_kernel_bytes": kernel_bytes}


def _of_a_socket(climb: Mapping[str, Any], part: str) -> float:
    """Bytes of each socket: the median of all looks, as the kernel takes some of its own back when memory is short."""
    empty = climb["empty"][part]
    return float(median((step["memory"][part] - empty) / step["sockets"] for step in climb["steps"]))


def _of_scorecard(told: Mapping[str, Any]) -> dict[str, float]:
    per_gib = next(row for row in told["measured"] if row["id"] == "idle/per_gib")["contenders"]["ours"]["median"]
    return {"socket_in_pod_bytes": BYTES_PER_GIB / per_gib, "socket_in_kernel_bytes": math.nan}
