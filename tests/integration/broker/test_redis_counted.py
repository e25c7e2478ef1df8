"""What is counted of Redis itself: how far histories reach, what fails, and how often it is connected to again."""

from integration.broker.conftest import RedisPods
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.broker.redis import ROOMS_PER_READ
from realtime.telemetry.counting import QuickHistogram
from realtime.telemetry.metrics import Metrics
from suites.listening import batch, publication
from unit.counts import count

KEPT = 100


def observed(histogram: QuickHistogram) -> tuple[int, float]:
    """How often, and the sum."""
    return sum(histogram._counts), histogram._sum


async def test_a_history_is_looked_at_with_each_batch_and_its_reach_is_told_once_it_is_full(pods: RedisPods) -> None:
    metrics = Metrics()
    broker = pods.publisher(metrics=metrics, history={"max_messages_per_room": KEPT})
    await broker.publish_once([publication("a", "r"), publication("b", "r"), publication("c", "other")])
    await broker.publish_once([publication("d", "r", "other")])
    assert observed(metrics.history_messages) == (2, 1 + 2)
    assert observed(metrics.history_reach) == (0, 0)
    await broker.publish_records(batch(-1, (0, [publication(f"{n}", "r") for n in range(KEPT)])))
    assert observed(metrics.history_messages) == (3, 3 + KEPT + 3)
    times, seconds = observed(metrics.history_reach)
    assert times == 1
    assert 0 < seconds < 60


async def test_what_publishes_nothing_has_no_history_to_look_at(pods: RedisPods) -> None:
    metrics = Metrics()
    broker = pods.publisher(metrics=metrics)
    await broker.publish_records(batch(-1, (0, [])))
    await broker.publish_once([publication("a", "r")], "key")
    await broker.publish_once([publication("a", "r")], "key")
    await broker.publish_records(batch(7, (8, [publication("b", "r")])))  # behind
    assert observed(metrics.history_messages) == (1, 1)


async def test_a_redis_that_goes_and_comes_is_counted(own_pods: RedisPods, own_redis: RedisServer) -> None:
    metrics = Metrics()
    pod = await own_pods(metrics=metrics)
    assert count(metrics.redis_reconnects) == count(metrics.redis_errors) == 0
    for times in (1, 2):
        await own_redis.kill()
        await eventually(
            lambda: count(metrics.redis_errors, operation="heartbeat") >= times,  # noqa: B023 - it is called at once
            10,
            "its heartbeats fail",
        )
        await own_redis.start()
        await eventually(lambda: count(metrics.redis_reconnects) == times, 10, "it is connected to again")  # noqa: B023
        await pod.has_heard_all()
    assert count(metrics.redis_errors, operation="listen") >= 2


async def test_each_question_to_redis_is_measured_for_itself_and_by_what_it_asks(pods: RedisPods) -> None:
    metrics = Metrics()
    broker = pods.publisher(metrics=metrics)
    await broker.publish_once([publication("a", "r1")])
    rooms = {f"r{number}": 0 for number in range(2 * ROOMS_PER_READ + 1)}
    place = await broker.newest_place()
    assert [d.room for d in await broker._read_history(rooms, place.offset)] == ["r1"]
    await broker.has_used("key")
    (family,) = metrics.redis_round_trips.collect()
    asked = {s.labels["operation"]: s.value for s in family.samples if s.name.endswith("_count") and s.value}
    assert asked == {"publish": 1, "newest": 1, "history": 3, "idempotency": 1}
