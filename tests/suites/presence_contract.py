"""What `presence.base.Presence` promises. Subclass it where there are fixtures `make_pod` and `pass_time`."""

import asyncio
from collections.abc import Awaitable, Callable

from realtime.broker.place import Place
from realtime.presence.base import Arrival, Device, Presence

LEASE_SECONDS = 0.5

PassTime = Callable[[float], Awaitable[None]]


class PresencePod:
    """A pod's presence while the pod lives; `told` is how far it has told its devices."""

    def __init__(self, pod_id: str, make: Callable[[Callable[[], Place | None]], Presence]) -> None:
        self.id = pod_id
        self.told: Place | None = Place("e", 1)
        self.presence = make(lambda: self.told)
        self._run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._run = asyncio.create_task(self.presence.run())
        await asyncio.sleep(0)
        await self.presence.devices("nobody")  # it runs, once it answers

    async def die(self) -> None:
        """End as a pod does that is killed: without a word."""
        if self._run is not None:
            self._run.cancel()
            await asyncio.wait([self._run])

    async def arrive(self, device_id: str, user_id: str = "u-42") -> Arrival:
        return await self.presence.arrive(self.device(device_id, user_id))

    async def come(self, device_id: str) -> None:
        """Arrive, and be told all that was missed."""
        await self.arrive(device_id)
        self.presence.settle(device_id)

    def device(self, device_id: str, user_id: str = "u-42") -> Device:
        at = f"2026-11-23T10:00:00.{device_id[-1]}00Z"
        return Device(device_id=device_id, user_id=user_id, pod_id=self.id, transport="websocket", connected_at=at)


MakePod = Callable[[str], Awaitable[PresencePod]]


class PresenceContract:
    async def test_who_was_never_seen_was_away_since_nobody_knows_when(self, make_pod: MakePod) -> None:
        pod = await make_pod("a")
        assert await pod.arrive("d-1") == Arrival(devices=1, was_away=True, away_since=None)

    async def test_a_second_device_was_not_away_whatever_pod_it_is_on(self, make_pod: MakePod) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        await one.come("d-1")
        assert await other.arrive("d-2") == Arrival(devices=2, was_away=False)
        assert (await other.arrive("d-3", "u-43")).devices == 1

    async def test_who_comes_back_was_away_since_the_last_one_left(self, make_pod: MakePod) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        await one.come("d-1")
        one.presence.leave("d-1", Place("e", 7))
        assert await one.presence.devices("u-42") == []
        assert await other.arrive("d-2") == Arrival(1, was_away=True, away_since=Place("e", 7))

    async def test_the_furthest_of_those_that_went_counts(self, make_pod: MakePod) -> None:
        pod = await make_pod("a")
        await pod.come("d-1")
        await pod.come("d-2")
        pod.presence.leave("d-1", Place("e", 9))
        pod.presence.leave("d-2", Place("e", 8))
        assert await pod.arrive("d-3") == Arrival(1, was_away=True, away_since=Place("e", 9))

    async def test_of_several_that_arrive_at_once_one_is_given_what_was_missed(self, make_pod: MakePod) -> None:
        pods = [await make_pod(name) for name in "abc"]
        await pods[0].come("d-0")
        pods[0].presence.leave("d-0", Place("e", 7))
        await pods[0].presence.devices("u-42")
        arrivals = await asyncio.gather(*(pod.arrive(f"d-{pod.id}{n}") for n in range(1, 6) for pod in pods))
        assert [arrival.away_since for arrival in arrivals if arrival.was_away] == [Place("e", 7)]
        assert sorted(arrival.devices for arrival in arrivals) == list(range(1, 16))

    async def test_what_a_device_had_not_been_told_yet_is_owed_to_the_next(self, make_pod: MakePod) -> None:
        pod = await make_pod("a")
        await pod.come("d-1")
        pod.presence.leave("d-1", Place("e", 7))
        await pod.arrive("d-2")
        assert not (await pod.arrive("d-3")).was_away
        pod.presence.leave("d-2", Place("e", 99))  # not settled: what it says does not count
        assert await pod.arrive("d-4") == Arrival(2, was_away=True, away_since=Place("e", 7))
        pod.presence.settle("d-4")
        assert not (await pod.arrive("d-5")).was_away

    async def test_who_never_was_given_anything_owes_nothing(self, make_pod: MakePod) -> None:
        pod = await make_pod("a")
        await pod.come("d-1")
        assert not (await pod.arrive("d-2")).was_away
        pod.presence.leave("d-2", None)
        assert not (await pod.arrive("d-3")).was_away

    async def test_devices_are_listed_for_all_pods_the_oldest_first(self, make_pod: MakePod) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        await other.arrive("d-2")
        await one.arrive("d-1")
        await one.arrive("d-9", "u-43")
        assert await one.presence.devices("u-42") == [one.device("d-1"), other.device("d-2")]
        assert await one.presence.devices("nobody") == []

    async def test_a_device_whose_pod_has_died_is_gone_when_the_lease_ends(
        self, make_pod: MakePod, pass_time: PassTime
    ) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        one.told = Place("e", 5)
        await one.come("d-1")
        await one.presence.devices("u-42")
        await one.die()
        await pass_time(2 * LEASE_SECONDS)
        assert await other.presence.devices("u-42") == []
        assert await other.arrive("d-2") == Arrival(1, was_away=True, away_since=Place("e", 5))

    async def test_what_a_dead_pods_device_had_not_been_told_is_owed(
        self, make_pod: MakePod, pass_time: PassTime
    ) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        await one.come("d-1")
        one.presence.leave("d-1", Place("e", 3))
        await one.arrive("d-2")
        one.told = Place("e", 9)
        await one.presence.devices("u-42")
        await one.die()
        await pass_time(2 * LEASE_SECONDS)
        assert await other.arrive("d-3") == Arrival(1, was_away=True, away_since=Place("e", 3))

    async def test_a_pod_that_lives_keeps_its_devices(self, make_pod: MakePod, pass_time: PassTime) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        await one.come("d-1")
        await pass_time(3 * LEASE_SECONDS)
        assert await other.presence.devices("u-42") == [one.device("d-1")]
        assert not (await other.arrive("d-2")).was_away

    async def test_a_pod_that_closes_is_gone_at_once(self, make_pod: MakePod) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        await one.come("d-1")
        one.presence.leave("d-1", Place("e", 7))
        await one.die()
        await one.presence.close()
        assert await other.arrive("d-2") == Arrival(1, was_away=True, away_since=Place("e", 7))

    async def test_who_is_not_there_does_not_leave_and_is_not_settled(self, make_pod: MakePod) -> None:
        pod = await make_pod("a")
        pod.presence.leave("d-never", Place("e", 7))
        pod.presence.settle("d-never")
        assert (await pod.arrive("d-1")).away_since is None

    async def test_a_place_of_a_new_epoch_is_believed(self, make_pod: MakePod) -> None:
        pod = await make_pod("a")
        await pod.come("d-1")
        pod.presence.leave("d-1", Place("e", 900))
        await pod.come("d-2")
        pod.presence.leave("d-2", Place("new", 1))
        assert (await pod.arrive("d-3")).away_since == Place("new", 1)
