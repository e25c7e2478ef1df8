"""The broker over Redis keeps the broker's contract."""

from collections.abc import Sequence

from integration.broker.conftest import RedisPods
from realtime.broker.base import NO_POSITION, Delivery
from suites.broker_contract import OneOrderContract
from suites.listening import batch, publication


class TestRedisBroker(OneOrderContract):
    pass


async def test_what_comes_in_a_burst_is_told_in_few_calls(pods: RedisPods) -> None:
    pod, publisher = await pods(), pods.publisher()
    await pod.broker.subscribe(["a", "b"])
    calls = 0
    listen = pod.ears.on_deliveries

    def count(deliveries: Sequence[Delivery]) -> None:
        nonlocal calls
        calls += 1
        listen(deliveries)

    pod.ears.on_deliveries = count
    said = [(n, [publication(f"{n}", "ab"[n % 2])]) for n in range(2_000)]
    await publisher.publish_records(batch(NO_POSITION, *said))
    await pod.has_heard_all()
    assert pod.packets() == [f"{n}" for n in range(2_000)]
    assert calls < 200
