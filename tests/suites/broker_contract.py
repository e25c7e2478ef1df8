"""What `broker.base.Broker` promises, whoever keeps it. Subclass it where there is a fixture `make_broker`."""

import asyncio
import itertools
import math
import random
from collections.abc import Sequence

import pytest

from parts.waiting import eventually
from realtime.broker.base import NO_POSITION, Delivery, Gap, Outcome
from realtime.broker.place import Cursor, Place
from suites.broker_model import check_that_pods_hear_exactly_what_was_published_meanwhile
from suites.listening import PATIENCE_SECONDS, MakeBroker, batch, history, publication

ODD_ROOMS = (
    "user:42",
    "with spaces",
    "{braces} and }{ the wrong way",
    "Größe:☃:𝄞",
    "two\nlines",
    "tab\tnul\0",
    "/admin#room",
    "*",
    "[a-z]?",
    "'\"\\",
    "",
    "long" * 1_000,
)


def cursor_of(delivery: Delivery) -> Cursor:
    return Cursor([Place(delivery.epoch, delivery.offset)])


class BrokerContract:
    # --- publish_records: positions

    async def test_the_first_publication_needs_no_position(self, make_broker: MakeBroker) -> None:
        broker = (await make_broker()).broker
        assert await broker.positions([("orders", 0)]) == {("orders", 0): NO_POSITION}
        outcome = await broker.publish_records(batch(NO_POSITION, (7, [publication("a", "r")]), (8, [])))
        assert outcome == Outcome(position=8, published=1)
        assert await broker.positions([("orders", 0)]) == {("orders", 0): 8}

    async def test_records_at_or_below_the_position_are_skipped(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        await pod.broker.publish_records(batch(NO_POSITION, *((n, [publication(f"{n}", "r")]) for n in range(90, 100))))
        outcome = await pod.broker.publish_records(
            batch(94, *((n, [publication(f"{n}", "r")]) for n in range(95, 121)))
        )
        assert outcome == Outcome(position=120, published=21, skipped_records=5)
        await pod.has_heard_all()
        assert pod.packets() == [str(n) for n in range(90, 121)]

    async def test_a_batch_that_was_published_is_skipped_whole(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        again = batch(NO_POSITION, (1, [publication("a", "r")]), (2, [publication("b", "r")]))
        await pod.broker.publish_records(again)
        assert await pod.broker.publish_records(again) == Outcome(position=2, skipped_records=2)
        await pod.has_heard_all()
        assert pod.packets() == ["a", "b"]

    async def test_behind_what_the_consumer_knows_nothing_is_published(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        await pod.broker.publish_records(batch(NO_POSITION, (110, [publication("110", "r")])))
        outcome = await pod.broker.publish_records(batch(120, (121, [publication("121", "r")])))
        assert outcome == Outcome(position=110, behind=True)
        outcome = await pod.broker.publish_records(batch(5, (6, [publication("6", "r")]), number=1))
        assert outcome == Outcome(position=NO_POSITION, behind=True)
        assert await pod.broker.positions([("orders", 0), ("orders", 1)]) == {
            ("orders", 0): 110,
            ("orders", 1): NO_POSITION,
        }
        await pod.has_heard_all()
        assert pod.packets() == [d.packet.decode() for d in await history(pod.broker, "r")] == ["110"]
        # The consumer goes back to where the broker is, and all comes right.
        outcome = await pod.broker.publish_records(
            batch(110, *((n, [publication(f"{n}", "r")]) for n in range(111, 122)))
        )
        assert outcome == Outcome(position=121, published=11)

    async def test_records_that_come_to_nothing_move_the_position(self, make_broker: MakeBroker) -> None:
        broker = (await make_broker()).broker
        assert await broker.publish_records(batch(NO_POSITION, (3, []), (9, []))) == Outcome(position=9)
        assert await broker.publish_records(batch(9)) == Outcome(position=9)
        assert await broker.positions([("orders", 0)]) == {("orders", 0): 9}

    async def test_the_position_of_the_very_first_record_is_zero(self, make_broker: MakeBroker) -> None:
        broker = (await make_broker()).broker
        assert (await broker.publish_records(batch(NO_POSITION, (0, [publication("a", "r")])))).published == 1
        assert await broker.publish_records(batch(NO_POSITION, (0, [publication("a", "r")]))) == Outcome(
            position=0, skipped_records=1
        )

    async def test_positions_are_exact_far_beyond_what_a_float_holds_in_short(self, make_broker: MakeBroker) -> None:
        broker = (await make_broker()).broker
        far = 2**53 - 2
        await broker.publish_records(batch(NO_POSITION, (far, [])))
        assert await broker.publish_records(batch(far, (far + 1, []))) == Outcome(position=far + 1)
        assert await broker.positions([("orders", 0)]) == {("orders", 0): far + 1}

    async def test_each_partition_has_its_own_position(self, make_broker: MakeBroker) -> None:
        broker = (await make_broker()).broker
        partitions = [(topic, number) for topic in ("orders", "orders.0", "stock") for number in (0, 1, 10)]
        for position, (topic, number) in enumerate(partitions):
            await broker.publish_records(batch(NO_POSITION, (position, []), topic=topic, number=number))
        assert await broker.positions(partitions) == {key: position for position, key in enumerate(partitions)}
        assert await broker.positions([]) == {}

    # --- publishing: offsets, order, atomicity

    async def test_all_that_a_publication_says_arrives(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        said = publication(
            '2["größe",{"a":"☃\\n"}]\nand a second line',
            "r",
            occurred_ms=1_763_890_000_123,
            conflation_key="stock:ü 1",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        await pod.broker.publish_once([said, publication("", "r")])
        await pod.has_heard_all()
        full, empty = pod.deliveries
        assert (full.room, full.packet, full.occurred_ms) == ("r", said.packet, 1_763_890_000_123)
        assert (full.conflation_key, full.traceparent) == (said.conflation_key, said.traceparent)
        assert (empty.packet, empty.conflation_key, empty.traceparent, empty.except_rooms) == (b"", None, None, ())
        assert full.epoch == empty.epoch != ""
        assert await history(pod.broker, "r") == pod.deliveries

    async def test_a_batch_comes_whole_and_nothing_comes_between(self, make_broker: MakeBroker) -> None:
        pods = [await make_broker() for _ in range(3)]
        await pods[0].broker.subscribe(["r"])
        whole = [
            batch(NO_POSITION, *((n, [publication(f"{part}-{n}", "r")]) for n in range(50)), number=part)
            for part in range(6)
        ]
        await asyncio.gather(*(pods[part % 3].broker.publish_records(one) for part, one in enumerate(whole)))
        await pods[0].has_heard_all()
        heard = pods[0].packets()
        assert len(heard) == 6 * 50
        for start in range(0, len(heard), 50):
            part = heard[start].partition("-")[0]
            assert heard[start : start + 50] == [f"{part}-{n}" for n in range(50)]

    async def test_large_messages_arrive_whole(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["a", "b"])
        large = random.Random(1).randbytes(524_288).hex()
        assert len(large) == 2**20
        await pod.broker.publish_once([publication(f"{n}{large}", "a", "b") for n in range(4)])
        await pod.has_heard_all()
        for room in ("a", "b"):
            assert [packet == f"{n}{large}" for n, packet in enumerate(pod.packets(room))] == [True] * 4

    @pytest.mark.parametrize("room", ODD_ROOMS, ids=lambda room: repr(room)[:24])
    async def test_a_room_may_have_any_name(self, make_broker: MakeBroker, room: str) -> None:
        pod = await make_broker()
        await pod.broker.subscribe([room])
        await pod.broker.publish_once([publication("1", room, "other"), publication("2", "other", room)])
        await pod.broker.signal_room(room, b"signal")
        await pod.has_heard_all()
        assert [(d.room, d.packet) for d in pod.deliveries] == [(room, b"1"), (room, b"2")]
        assert [d.room for d in await history(pod.broker, room)] == [room, room]
        assert pod.signals == [b"signal"]

    async def test_a_name_that_cannot_be_written_is_refused_and_harms_nobody(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        with pytest.raises(ValueError, match="surrogates"):
            await pod.broker.subscribe(["fine", "half of a \ud83d smiley"])
        pod.broker.unsubscribe(["half of a \ud83d smiley"])
        await pod.broker.subscribe(["r"])
        await pod.broker.publish_once([publication("a", "r")])
        await pod.has_heard_all()
        assert pod.packets() == ["a"]

    # --- publish_once

    async def test_what_has_a_key_is_published_once(self, make_broker: MakeBroker) -> None:
        first, second = await make_broker(), await make_broker()
        await first.broker.subscribe(["r"])
        assert await first.broker.publish_once([publication("a", "r"), publication("b", "r")], "key ü")
        assert not await second.broker.publish_once([publication("a", "r"), publication("b", "r")], "key ü")
        assert not await first.broker.publish_once([publication("another", "r")], "key ü")
        assert await second.broker.publish_once([publication("c", "r")], "key u")
        await first.has_heard_all()
        assert first.packets() == ["a", "b", "c"]

    async def test_of_many_with_one_key_at_once_one_is_published(self, make_broker: MakeBroker) -> None:
        pods = [await make_broker() for _ in range(3)]
        await pods[0].broker.subscribe(["r"])
        fresh = await asyncio.gather(
            *(pods[n % 3].broker.publish_once([publication(f"{n}", "r")], "key") for n in range(30))
        )
        await pods[0].has_heard_all()
        assert pods[0].packets() == [str(n) for n, is_fresh in enumerate(fresh) if is_fresh]
        assert sum(fresh) == 1

    async def test_what_has_no_key_is_published_each_time(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        assert [await pod.broker.publish_once([publication("a", "r")]) for _ in range(3)] == [True] * 3
        await pod.has_heard_all()
        assert pod.packets() == ["a"] * 3

    async def test_publishing_nothing_is_fine(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        assert await pod.broker.publish_once([])
        assert await pod.broker.publish_once([], "key")
        assert not await pod.broker.publish_once([publication("a", "r")], "key")

    # --- history

    async def test_a_pod_knows_how_far_it_has_told(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        await pod.broker.subscribe(["r"])
        for n in range(20):
            await publisher.broker.publish_once([publication(f"{n}", "r")])
            up_to = (await publisher.broker.missed({"r": Cursor()}, 1)).up_to
            await pod.broker.until_told(up_to)
            assert pod.packets() == [str(i) for i in range(n + 1)]
            told = dict(pod.broker.told())
            assert up_to
            assert all(told[place.epoch] >= place.offset for place in up_to)
        assert pod.signals == []

    async def test_what_a_client_keeps_is_a_cursor_behind_the_delivery(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        for n in range(3):
            await pod.broker.publish_once([publication(f"{n}", "r")])
        await pod.has_heard_all()
        kept = Cursor.parse(pod.broker.cursor_at(pod.deliveries[0]))
        assert (await pod.broker.missed({"r": kept}, 100)).deliveries == pod.deliveries[1:]

    async def test_history_does_not_need_a_subscription(self, make_broker: MakeBroker) -> None:
        first, second = await make_broker(), await make_broker()
        await first.broker.publish_once([publication("a", "r")])
        assert [d.packet for d in await history(second.broker, "r")] == [b"a"]
        assert first.deliveries == second.deliveries == []

    # --- subscribing

    async def test_only_subscribers_hear(self, make_broker: MakeBroker) -> None:
        first, second, publisher = [await make_broker() for _ in range(3)]
        await first.broker.subscribe(["a", "both"])
        await second.broker.subscribe(["both", "b"])
        await publisher.broker.publish_once([publication(room, room) for room in ("a", "b", "both", "c")])
        for pod in (first, second, publisher):
            await pod.has_heard_all()
        heard = [sorted(pod.packets()) for pod in (first, second, publisher)]
        assert heard == [["a", "both"], ["b", "both"], []]

    async def test_once_subscribed_everything_is_heard(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        for n in range(100):
            await pod.broker.subscribe([f"r{n}"])
            await publisher.broker.publish_once([publication(f"{n}", f"r{n}")])
        await pod.has_heard_all()
        assert sorted(map(int, pod.packets())) == list(range(100))

    async def test_subscribing_again_changes_nothing(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r", "r"])
        await pod.broker.subscribe(["r", "s"])
        await pod.broker.subscribe([])
        await pod.broker.publish_once([publication("a", "r")])
        await pod.has_heard_all()
        assert pod.packets() == ["a"]

    async def test_ten_thousand_rooms_are_subscribed_to_at_once(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        rooms = [f"user:{n}" for n in range(10_000)]
        await asyncio.gather(
            pod.broker.subscribe(rooms[:5_000]), *(pod.broker.subscribe([room]) for room in rooms[5_000:])
        )
        await publisher.broker.publish_once([publication(room, room) for room in rooms])
        await pod.has_heard_all()
        assert sorted(pod.packets()) == sorted(rooms)
        pod.broker.unsubscribe(rooms)

    async def test_of_a_room_that_is_let_go_nothing_is_heard_soon(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        await pod.broker.subscribe(["gone", "kept"])
        pod.broker.unsubscribe(["gone"])

        async def is_let_go() -> bool:
            pod.ears.heard.clear()
            await publisher.broker.publish_once([publication("x", "gone")])
            await pod.has_heard_all()
            return not pod.deliveries

        await eventually(is_let_go, PATIENCE_SECONDS, "the room is let go")
        await publisher.broker.publish_once([publication("y", "gone"), publication("z", "kept")])
        await pod.has_heard_all()
        assert pod.packets() == ["z"]

    async def test_letting_go_of_unknown_rooms_does_nothing(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        pod.broker.unsubscribe(["never", "r", "r"])
        pod.broker.unsubscribe(["never"])
        pod.broker.unsubscribe(["r"])
        pod.broker.unsubscribe([])
        await pod.broker.subscribe(["s"])
        await pod.broker.publish_once([publication("a", "s")])
        await pod.has_heard_all()
        assert pod.packets("s") == ["a"]

    async def test_a_room_that_is_let_go_and_wanted_again_loses_nothing(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        await pod.broker.subscribe(["r"])
        for n in range(100):
            pod.broker.unsubscribe(["r"])
            if n % 3 == 0:
                await asyncio.sleep(random.uniform(0, 0.03))  # around the moment at which it is let go
            await pod.broker.subscribe(["r"])
            await publisher.broker.publish_once([publication(f"{n}", "r")])
        await pod.has_heard_all()
        assert pod.packets() == [str(n) for n in range(100)]

    async def test_who_gives_up_waiting_takes_nobody_along(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        impatient = [asyncio.create_task(pod.broker.subscribe(["r", f"r{n}"])) for n in range(10)]
        patient = asyncio.create_task(pod.broker.subscribe(["r"]))
        await asyncio.sleep(0)
        for task in impatient:
            task.cancel()
        await asyncio.wait([*impatient, patient])
        await patient
        await publisher.broker.publish_once([publication("a", "r")])
        await pod.has_heard_all()
        assert pod.packets() == ["a"]

    @pytest.mark.parametrize("seed", range(3))
    async def test_pods_hear_exactly_what_was_published_while_they_were_subscribed(
        self, make_broker: MakeBroker, seed: int
    ) -> None:
        pods = [await make_broker() for _ in range(3)]
        await check_that_pods_hear_exactly_what_was_published_meanwhile(pods, random.Random(seed))

    # --- signals

    async def test_a_signal_reaches_those_that_it_is_for(self, make_broker: MakeBroker) -> None:
        first, second, third = [await make_broker() for _ in range(3)]
        await first.broker.subscribe(["r"])
        await second.broker.subscribe(["r", "s"])
        await third.broker.signal_pod(second.id, b"pod \0\xff")
        await third.broker.signal_room("r", b"room\nr")
        await third.broker.signal_room("nobody", b"?")
        await third.broker.signal_pod("nobody", b"?")
        await third.broker.signal_all(b"all")
        await third.broker.signal_pod(third.id, b"myself")
        for pod in (first, second, third):
            await pod.has_heard_all()
        assert sorted(first.signals) == [b"all", b"room\nr"]
        assert sorted(second.signals) == [b"all", b"pod \0\xff", b"room\nr"]
        assert third.signals == [b"all", b"myself"]

    async def test_an_empty_signal_is_a_signal(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["r"])
        await pod.broker.signal_room("r", b"")
        await pod.broker.signal_all(b"")
        await pod.broker.signal_pod(pod.id, b"")
        await pod.has_heard_all()
        assert pod.signals == [b""] * 3

    async def test_signals_to_a_room_keep_their_order_with_its_messages(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        await pod.broker.subscribe(["r"])
        for n in range(30):
            await publisher.broker.publish_once([publication(f"{n}", "r")])
            await publisher.broker.signal_room("r", b"room %d" % n)
        await pod.has_heard_all()
        heard = [h if isinstance(h, bytes) else h.packet for h in pod.ears.heard]
        assert heard == [said for n in range(30) for said in (b"%d" % n, b"room %d" % n)]

    # --- living

    async def test_a_pod_that_listens_hears_its_own_heart(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        assert 0 <= pod.broker.heard_seconds_ago() < 5
        assert pod.signals == []  # a heartbeat is nobody else's business

    async def test_a_pod_that_has_stopped_listening_hears_nothing_but_can_publish(
        self, make_broker: MakeBroker
    ) -> None:
        pod, other = await make_broker(), await make_broker()
        for one in (pod, other):
            await one.broker.subscribe(["r"])
        await pod.stop_listening()
        await pod.broker.publish_once([publication("a", "r")])
        await other.has_heard_all()
        assert (pod.packets(), other.packets()) == ([], ["a"])

    def test_a_broker_that_has_not_run_has_never_heard_itself(self, idle_broker) -> None:
        assert idle_broker.heard_seconds_ago() == math.inf


class OneOrderContract(BrokerContract):
    """What a broker promises whose rooms are all in one order, beside the rest."""

    async def test_offsets_rise_in_one_order_over_all_rooms(self, make_broker: MakeBroker) -> None:
        first, second = await make_broker(), await make_broker()
        rooms = [f"r{n}" for n in range(5)]
        for pod in (first, second):
            await pod.broker.subscribe(rooms)

        async def publish(pod: int, broker: object) -> None:
            for n in range(20):
                said = [publication(f"{pod}-{n}-{i}", random.choice(rooms)) for i in range(3)]
                await broker.publish_records(batch(n - 1, (n, said), number=pod))

        await asyncio.gather(*(publish(n, (first, second)[n % 2].broker) for n in range(4)))
        for pod in (first, second):
            await pod.has_heard_all()
        offsets = [d.offset for d in first.deliveries]
        assert len(offsets) == 4 * 20 * 3
        assert all(a < b for a, b in itertools.pairwise(offsets))
        assert first.deliveries == second.deliveries == await history(first.broker, *rooms)
        for publisher in range(4):
            mine = [d.packet.decode() for d in first.deliveries if d.packet.startswith(b"%d-" % publisher)]
            assert mine == [f"{publisher}-{n}-{i}" for n in range(20) for i in range(3)]

    async def test_a_publication_has_one_offset_in_all_its_rooms_and_names_the_others(
        self, make_broker: MakeBroker
    ) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["a", "b", "c"])
        await pod.broker.publish_once([publication("1", "a", "b ☃", "b", "c"), publication("2", "c", "a")])
        await pod.has_heard_all()
        first, second = pod.deliveries[:3], pod.deliveries[3:]
        assert len({d.offset for d in first}) == len({d.offset for d in second}) == 1
        assert first[0].offset < second[0].offset
        assert [(d.room, d.except_rooms, d.later_rooms) for d in first] == [
            ("a", (), ("b ☃", "b", "c")),
            ("b", ("a", "b ☃"), ("c",)),
            ("c", ("a", "b ☃", "b"), ()),
        ]
        assert [(d.room, d.except_rooms, d.later_rooms) for d in second] == [("c", (), ("a",)), ("a", ("c",), ())]

    async def test_a_room_that_is_named_twice_hears_once(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["a", "b"])
        outcome = await pod.broker.publish_records(batch(NO_POSITION, (0, [publication("1", "a", "b", "a")])))
        assert outcome == Outcome(position=0, published=1)
        await pod.has_heard_all()
        assert [(d.room, d.except_rooms) for d in pod.deliveries] == [("a", ()), ("b", ("a",))]
        assert len(await history(pod.broker, "a")) == 1

    async def test_what_was_missed_is_read_behind_a_cursor(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.subscribe(["a", "b", "c"])
        for n in range(10):
            await pod.broker.publish_once([publication(f"{n}", "abc"[n % 3])])
        await pod.broker.publish_once([publication("all", "b", "a")])
        await pod.has_heard_all()
        heard = pod.deliveries

        async def missed(after: int, *rooms: str) -> Sequence[Delivery]:
            cursor = Cursor([Place(heard[0].epoch, after)])
            answer = await pod.broker.missed(dict.fromkeys(rooms, cursor), 100)
            assert answer.gap is None
            assert answer.up_to.in_epoch(heard[0].epoch) >= heard[-1].offset
            return answer.deliveries

        first = heard[0].offset - 1
        assert await missed(first, "a", "b", "c") == await missed(first, "c", "b", "a") == heard
        assert await missed(heard[4].offset, "c", "a", "b") == heard[5:]
        assert await missed(heard[4].offset, "a") == [d for d in heard[5:] if d.room == "a"]
        assert await missed(heard[9].offset - 1, "c", "b") == [d for d in heard[9:] if d.room != "a"]
        assert await missed(heard[-1].offset, "a", "b", "c") == []
        assert await missed(first, "nobody") == await missed(first) == []

    async def test_each_room_may_have_a_cursor_of_its_own(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        for n in range(6):
            await pod.broker.publish_once([publication(f"{n}", "a", "b")])
        of_a = await history(pod.broker, "a")
        answer = await pod.broker.missed({"a": cursor_of(of_a[1]), "b": cursor_of(of_a[4])}, 100)
        assert [(d.room, d.packet) for d in answer.deliveries] == [
            *(("a", b"%d" % n) for n in (2, 3, 4)),
            ("a", b"5"),
            ("b", b"5"),
        ]

    async def test_behind_what_was_read_nothing_older_is_ever_published(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        offsets = []
        for n in range(20):
            (place,) = (await pod.broker.missed({}, 1)).up_to
            await pod.broker.publish_once([publication(f"{n}", "r")])
            offsets += [place.offset, (await history(pod.broker, "r"))[-1].offset]
        assert all(up_to < published for up_to, published in zip(offsets[::2], offsets[1::2], strict=True))

    async def test_a_cursor_of_another_epoch_is_told_for_one(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        await pod.broker.publish_once([publication("a", "r")])
        (ours,) = (await pod.broker.missed({}, 1)).up_to
        for cursor in (Cursor([Place("another", ours.offset)]), Cursor()):
            answer = await pod.broker.missed({"r": cursor}, 100)
            assert (answer.gap, answer.deliveries) == (Gap.EPOCH, ())
        both = Cursor([Place("another", 1), Place(ours.epoch, ours.offset)])
        assert (await pod.broker.missed({"r": both}, 100)).gap is None

    async def test_more_than_was_asked_for_is_told_for_it(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        (start,) = (await pod.broker.missed({}, 1)).up_to
        for n in range(4):
            await pod.broker.publish_once([publication(f"{n}", "a" if n % 2 else "b")])
        after = dict.fromkeys(("a", "b"), Cursor([start]))
        assert len((await pod.broker.missed(after, 4)).deliveries) == 4
        assert (await pod.broker.missed(after, 3)).gap is Gap.TOO_MANY

    async def test_the_newest_are_read_in_order(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        for n in range(9):
            await pod.broker.publish_once([publication(f"{n}", "abc"[n % 3], "d")])
        answer = await pod.broker.newest(["a", "d", "b"], None, 4, 3_600)
        assert answer.gap is Gap.TOO_MANY
        assert [(d.room, d.packet) for d in answer.deliveries] == [
            ("d", b"5"),
            ("a", b"6"),
            ("d", b"6"),
            ("b", b"7"),
            ("d", b"7"),
            ("d", b"8"),
        ]
        everything = await pod.broker.newest(["a", "d", "b"], None, 9, 3_600)
        assert (len(everything.deliveries), everything.gap) == (15, None)
        behind = cursor_of(everything.deliveries[-2])
        assert [d.packet for d in (await pod.broker.newest(["d"], behind, 9, 3_600)).deliveries] == [b"8"]
        elsewhere = Cursor([Place("another", behind[0].offset)])
        assert len((await pod.broker.newest(["d"], elsewhere, 9, 3_600)).deliveries) == 9
        assert (await pod.broker.newest([], None, 9, 3_600)).deliveries in ((), [])

    async def test_history_of_many_rooms_comes_in_order(self, make_broker: MakeBroker) -> None:
        pod = await make_broker()
        rooms = [f"r{n}" for n in range(1_000)]
        shuffled = random.Random(1).sample(rooms, len(rooms))
        await pod.broker.publish_once([publication(room, room) for room in shuffled])
        assert [d.room for d in await history(pod.broker, *rooms)] == shuffled

    async def test_signals_and_messages_keep_their_order(self, make_broker: MakeBroker) -> None:
        pod, publisher = await make_broker(), await make_broker()
        await pod.broker.subscribe(["r"])
        for n in range(30):
            await publisher.broker.publish_once([publication(f"{n}", "r")])
            await publisher.broker.signal_room("r", b"room %d" % n)
            await publisher.broker.signal_pod(pod.id, b"pod %d" % n)
            await publisher.broker.signal_all(b"all %d" % n)
        await pod.has_heard_all()
        heard = [h if isinstance(h, bytes) else h.packet for h in pod.ears.heard]
        assert heard == [said for n in range(30) for said in (b"%d" % n, b"room %d" % n, b"pod %d" % n, b"all %d" % n)]
