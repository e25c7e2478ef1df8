"""Each call to Redis is counted: how long it took, or that it failed."""

import asyncio

import pytest
from redis.exceptions import ResponseError

from realtime.errors import RedisUnavailable
from realtime.redis.calls import Operation, RedisCalls
from realtime.telemetry.metrics import Metrics
from unit.counts import count


def answered(metrics: Metrics, operation: str) -> float:
    (family,) = metrics.redis_round_trips.collect()
    return sum(s.value for s in family.samples if s.name.endswith("_count") and s.labels["operation"] == operation)


@pytest.fixture
def calls(metrics: Metrics) -> RedisCalls:
    return RedisCalls(metrics)


async def test_what_is_answered_is_measured(calls: RedisCalls, metrics: Metrics) -> None:
    with calls.asking(Operation.PUBLISH, "publish"):
        await asyncio.sleep(0.02)
    (family,) = metrics.redis_round_trips.collect()
    seconds = {s.labels["operation"]: s.value for s in family.samples if s.name.endswith("_sum")}
    assert 0.02 <= seconds["publish"] < 1
    assert (answered(metrics, "publish"), answered(metrics, "history")) == (1, 0)
    assert count(metrics.redis_errors) == 0


@pytest.mark.parametrize("error", [ResponseError("OOM"), ConnectionResetError(), TimeoutError()])
def test_what_fails_is_counted_and_not_measured(calls: RedisCalls, metrics: Metrics, error: Exception) -> None:
    with pytest.raises(RedisUnavailable, match="cannot read"), calls.asking(Operation.HISTORY, "read"):
        raise error
    assert (count(metrics.redis_errors, operation="history"), count(metrics.redis_errors)) == (1, 1)
    assert answered(metrics, "history") == 0


def test_what_is_a_bug_of_ours_is_no_error_of_redis(calls: RedisCalls, metrics: Metrics) -> None:
    with pytest.raises(ZeroDivisionError), calls.asking(Operation.PUBLISH, "publish"):
        raise ZeroDivisionError
    assert (count(metrics.redis_errors), answered(metrics, "publish")) == (0, 0)


def test_several_parts_of_a_pod_count_together(calls: RedisCalls, metrics: Metrics) -> None:
    for one in (calls, RedisCalls(metrics)):
        with pytest.raises(RedisUnavailable), one.trying(Operation.LISTEN, "listen"):
            raise OSError
    assert count(metrics.redis_errors, operation="listen") == 2
