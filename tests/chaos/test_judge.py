"""The judge, by itself: what it must find, what it must excuse, and what it must not be talked out of."""

from dataclasses import replace

import pytest

from chaos.judge import STRICT, Terms, Verdict, Wrong, judge
from chaos.ledger import Connection, DeviceLog, Ending, EventId, Heard, Keeps, Ledger

ORDERS, NEWS, ALL = "order:updated", "notification", "admin:order:updated"
DATA_LOST = Terms(frozenset({"history_lost", "unknown_session"}), published_again=True, data_lost=True)


def heard(*numbers: int, key: str = "ann.1", stream: str = ORDERS, epoch: str | None = None) -> list[Heard]:
    """Messages as they came; with an epoch: at places of it that grow."""
    return [
        Heard(stream, EventId(key, number), at=float(n), place=None if epoch is None else f"{epoch}:{n}")
        for n, number in enumerate(numbers)
    ]


def connection(
    messages: list[Heard], *, ending: Ending = Ending.DROPPED, at: float = 0, **options: object
) -> Connection:
    ended_at = None if ending is Ending.OPEN else at + 1
    return Connection("pod-0", at, heard=messages, ending=ending, ended_at=ended_at, recovered=True, **options)


def device(*connections: Connection, keeps: Keeps = Keeps.SESSION, name: str = "ann/0", **options: object) -> DeviceLog:
    streams = options.pop("streams", (ORDERS,))
    return DeviceLog("ann", name, keeps, streams, connections=list(connections), **options)


def judged(*devices: DeviceLog, produced: int = 4, terms: Terms = STRICT, **times: float) -> Verdict:
    return judge(Ledger({"ann.1": list(range(1, produced + 1))}, devices=list(devices), **times), terms)


def wrongs(verdict: Verdict) -> list[tuple[Wrong, int | None]]:
    return [(v.wrong, None if v.event is None else v.event.number) for v in verdict.violations]


def test_all_that_arrived_once_and_in_order_is_fine() -> None:
    verdict = judged(device(connection(heard(1, 2)), connection(heard(3, 4), ending=Ending.OPEN)))
    assert wrongs(verdict) == []
    assert (verdict.events, verdict.users, verdict.devices, verdict.deliveries) == (4, 1, 1, 4)
    assert (verdict.told, verdict.repeated, verdict.forgotten, verdict.unjudged) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ((1, 2, 4), [(Wrong.LOST, 3)]),
        ((1, 2, 3), [(Wrong.LOST, 4)]),
        ((2, 3, 4), [(Wrong.LOST, 1)]),
        ((), [(Wrong.LOST, 1), (Wrong.LOST, 2), (Wrong.LOST, 3), (Wrong.LOST, 4)]),
        ((1, 2, 2, 3, 4), [(Wrong.DUPLICATED, 2)]),
        ((1, 2, 3, 4, 1), [(Wrong.DUPLICATED, 1)]),
        ((1, 3, 2, 4), [(Wrong.MISORDERED, 2)]),
        ((1, 2, 3, 4, 5), [(Wrong.MISROUTED, 5)]),  # which nobody has produced
    ],
)
def test_one_thing_wrong_is_found_and_named(numbers: tuple[int, ...], found: list[tuple[Wrong, int]]) -> None:
    assert wrongs(judged(device(connection(heard(*numbers), ending=Ending.OPEN)))) == found


@pytest.mark.parametrize("ending", [Ending.DROPPED, Ending.VANISHED, Ending.CUT, Ending.GOODBYE])
def test_what_is_missing_or_twice_between_two_connections_is_found(ending: Ending) -> None:
    lossy = device(connection(heard(1, 2), ending=ending), connection(heard(4), ending=Ending.OPEN))
    assert wrongs(judged(lossy)) == [(Wrong.LOST, 3)]
    twice = device(connection(heard(1, 2), ending=ending), connection(heard(2, 3, 4), ending=Ending.OPEN))
    assert wrongs(judged(twice)) == [(Wrong.DUPLICATED, 2)]


def test_each_device_that_keeps_its_place_is_owed_everything() -> None:
    whole = device(connection(heard(1, 2, 3, 4)))
    lossy = device(connection(heard(1, 2, 4)), name="ann/1")
    (violation,) = judged(whole, lossy).violations
    assert (violation.wrong, violation.device) == (Wrong.LOST, "ann/1")


def test_a_device_that_never_connected_is_owed_everything_too() -> None:
    assert wrongs(judged(device(), produced=2)) == [(Wrong.LOST, 1), (Wrong.LOST, 2)]


def test_each_stream_is_judged_by_itself() -> None:
    both = device(connection(heard(1, 2, 3, 4) + heard(1, 2, 4, stream=NEWS)), streams=(ORDERS, NEWS))
    (violation,) = judged(both).violations
    assert (violation.wrong, violation.stream, violation.event) == (Wrong.LOST, NEWS, EventId("ann.1", 3))


def test_what_belongs_to_somebody_else_is_found_and_named() -> None:
    nosy = device(connection(heard(1, 2, 3, 4) + heard(7, key="bob.1")))
    (violation,) = judged(nosy).violations
    assert (violation.wrong, violation.event) == (Wrong.MISROUTED, EventId("bob.1", 7))
    assert "connection 1" in violation.about


def test_what_was_not_asked_for_is_found() -> None:
    assert wrongs(judged(device(connection(heard(1, 2, 3, 4) + heard(1, stream=ALL))))) == [(Wrong.MISROUTED, 1)]


def test_an_admin_is_owed_everybodys_events() -> None:
    messages = heard(1, 2, stream=ALL) + heard(1, stream=ALL, key="bob.1")
    admin = device(connection(messages), hears_all=True, streams=(ALL,))
    (violation,) = judge(Ledger({"ann.1": [1, 2], "bob.1": [1, 2]}, devices=[admin])).violations
    assert (violation.wrong, violation.event) == (Wrong.LOST, EventId("bob.1", 2))


def test_a_violation_comes_with_the_history_of_the_connections() -> None:
    lossy = device(connection(heard(1, 2), ending=Ending.CUT, why="1006"), connection(heard(4), ending=Ending.OPEN))
    (violation,) = judged(lossy).violations
    assert "ann.1#3" in str(violation)
    assert "1. 0.00-1.00 pod-0, recovered, heard 2: ann.1#1 .. ann.1#2, cut 1006" in str(violation)
    assert "2. 0.00- pod-0, recovered, heard 1: ann.1#4 .. ann.1#4, open" in str(violation)


def test_a_place_that_goes_back_is_found_and_one_that_stays_is_not() -> None:
    messages = heard(1, 2, 3, 4, epoch="e")
    messages[1] = messages[1]._replace(place="e:0")
    assert wrongs(judged(device(connection(messages)))) == []
    messages[1] = messages[1]._replace(place="e:9")
    assert wrongs(judged(device(connection(messages)))) == [(Wrong.MISORDERED, 3)]


# -- what is told, and when that counts ---------------------------------------------------------------------------------


def not_recovered(reason: str | None, *before: int, stream: str = ORDERS) -> DeviceLog:
    came = connection(heard(4, stream=stream), ending=Ending.OPEN, came_back=True)
    first = connection(heard(*before, stream=stream))
    return device(first, replace(came, recovered=False, reason=reason), streams=(stream,))


def test_a_gap_that_was_told_is_counted_where_the_scenario_allows_that() -> None:
    verdict = judged(not_recovered("history_lost", 1, 2), terms=DATA_LOST)
    assert (wrongs(verdict), verdict.told) == ([], 1)


@pytest.mark.parametrize("reason", ["history_lost", "history_trimmed", None])
def test_a_reason_that_the_scenario_does_not_allow_excuses_nothing(reason: str | None) -> None:
    assert wrongs(judged(not_recovered(reason, 1, 2))) == [(Wrong.UNRECOVERED, None), (Wrong.LOST, 3)]


def test_a_gap_elsewhere_is_not_excused_by_what_was_told() -> None:
    verdict = judged(not_recovered("history_lost", 1, 3), terms=DATA_LOST)
    assert (wrongs(verdict), verdict.told) == ([(Wrong.LOST, 2)], 0)


def test_a_lost_session_does_not_excuse_what_came_to_the_user() -> None:
    assert judged(not_recovered("unknown_session", 1, 2), terms=DATA_LOST).told == 1
    news = not_recovered("unknown_session", 1, 2, stream=NEWS)
    assert wrongs(judged(news, terms=DATA_LOST)) == [(Wrong.LOST, 3)]


def test_a_run_that_comes_again_is_excused_only_at_new_places_and_around_a_fault_that_loses_data() -> None:
    again = device(connection(heard(1, 2, epoch="old") + heard(1, 2, 3, 4, epoch="new"), ending=Ending.OPEN))
    verdict = judged(again, terms=DATA_LOST, struck_at=0, mended_at=1)
    assert (wrongs(verdict), verdict.repeated) == ([], 2)
    twice = [(Wrong.DUPLICATED, 1), (Wrong.DUPLICATED, 2)]
    assert wrongs(judged(again, struck_at=0, mended_at=1)) == twice
    assert wrongs(judged(again, terms=DATA_LOST, struck_at=5, mended_at=6)) == twice  # before the fault
    assert wrongs(judged(again, terms=DATA_LOST, struck_at=-9, mended_at=-8)) == twice  # long after it
    one, two = heard(1, 2, epoch="old")
    same = device(connection([one, two, two, *heard(3, 4, epoch="new")], ending=Ending.OPEN))
    assert wrongs(judged(same, terms=DATA_LOST, struck_at=0, mended_at=1)) == [(Wrong.DUPLICATED, 2)]


# -- devices that keep nothing ------------------------------------------------------------------------------------------


def forgetful(*connections: Connection, name: str = "ann/0") -> DeviceLog:
    return device(*connections, keeps=Keeps.NOTHING, name=name)


def test_what_came_while_a_user_was_away_is_owed_behind_a_goodbye() -> None:
    left = connection(heard(1, 2), ending=Ending.GOODBYE)
    assert wrongs(judged(forgetful(left, connection(heard(3, 4), ending=Ending.OPEN)))) == []
    assert wrongs(judged(forgetful(left, connection(heard(4), ending=Ending.OPEN)))) == [(Wrong.LOST, 3)]
    assert wrongs(judged(forgetful(left, connection(heard(2, 3, 4))))) == [(Wrong.DUPLICATED, 2)]


def test_what_one_device_has_heard_need_not_come_to_the_other_that_was_away() -> None:
    one = forgetful(connection(heard(1, 2), ending=Ending.GOODBYE), connection(heard(4), ending=Ending.OPEN))
    other = forgetful(connection(heard(1, 2, 3, 4), ending=Ending.OPEN), name="ann/1")
    assert wrongs(judged(one, other)) == []
    other = forgetful(connection(heard(1, 2, 4), ending=Ending.OPEN), name="ann/1")
    assert wrongs(judged(one, other)) == [(Wrong.LOST, 3)]


def test_next_to_a_cut_nothing_can_be_said_and_that_is_counted() -> None:
    cut = connection(heard(1, 2), ending=Ending.CUT)
    for after in ((4,), (2, 3, 4)):
        verdict = judged(forgetful(cut, connection(heard(*after), ending=Ending.OPEN)))
        assert (wrongs(verdict), verdict.unjudged) == ([], 1)


def test_a_cut_excuses_neither_a_gap_elsewhere_nor_what_is_out_of_order() -> None:
    cut = connection(heard(1), ending=Ending.CUT)
    assert wrongs(judged(forgetful(cut, connection(heard(2, 4), ending=Ending.OPEN)))) == [(Wrong.LOST, 3)]
    back = forgetful(cut, connection(heard(2, 4, 3), ending=Ending.OPEN))
    assert wrongs(judged(back)) == [(Wrong.MISORDERED, 3)]


def away(at: float) -> DeviceLog:
    """A device that said goodbye then, and came back six seconds later."""
    left = connection(heard(1), at=at - 1, ending=Ending.GOODBYE)
    return forgetful(left, connection(heard(4), at=at + 6, ending=Ending.OPEN))


def test_what_waited_in_a_redis_that_has_lost_its_data_is_forgotten() -> None:
    verdict = judged(away(1), terms=DATA_LOST, struck_at=5, mended_at=6)
    assert (wrongs(verdict), verdict.forgotten) == ([], 2)
    assert wrongs(judged(away(1), terms=DATA_LOST, struck_at=11, mended_at=12)) == [(Wrong.LOST, 2), (Wrong.LOST, 3)]
    assert wrongs(judged(away(1), struck_at=5, mended_at=6)) == [(Wrong.LOST, 2), (Wrong.LOST, 3)]


@pytest.mark.parametrize(
    ("struck", "mended", "is_judged"), [(5, 6, False), (7, 8, False), (10, 10, False), (12, 13, True)]
)
def test_who_left_or_came_while_a_dead_pod_counted_is_unjudged(struck: float, mended: float, is_judged: bool) -> None:
    verdict = judged(away(5), terms=Terms(presence_lags=True), struck_at=struck, mended_at=mended)  # left 5, came 11
    assert (verdict.unjudged, verdict.count(Wrong.LOST)) == ((0, 2) if is_judged else (2, 0))
    strict = judged(away(5), struck_at=struck, mended_at=mended)
    assert (strict.unjudged, strict.count(Wrong.LOST)) == (0, 2)


def test_a_pod_that_counted_while_dead_excuses_nothing_at_devices_that_keep_their_place() -> None:
    keeper = device(*away(5).connections)
    verdict = judged(keeper, terms=Terms(presence_lags=True), struck_at=5, mended_at=6)
    assert wrongs(verdict) == [(Wrong.LOST, 2), (Wrong.LOST, 3)]


# -- what cannot be judged at all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [[1, 1, 2], [2, 1], [1, 3]])
def test_what_kafka_does_not_hold_once_and_in_order_is_not_passed(held: list[int]) -> None:
    ledger = Ledger({"ann.1": held}, devices=[device(connection(heard(1, 2, 3)))])
    assert Wrong.UNKNOWN in {violation.wrong for violation in judge(ledger).violations}


def test_who_was_refused_or_heard_nonsense_is_not_passed() -> None:
    odd = device(connection(heard(1, 2, 3, 4)), refusals=["forbidden"], unreadable=["2[]"])
    assert wrongs(judged(odd)) == [(Wrong.REFUSED, None), (Wrong.UNREADABLE, None)]


@pytest.mark.parametrize("excuse", ["told", "repeated", "forgotten", "unjudged"])
def test_who_excuses_too_much_has_proved_nothing(excuse: str) -> None:
    assert Verdict(deliveries=1_000, **{excuse: 250}).is_mostly_judged
    assert not Verdict(deliveries=1_000, **{excuse: 251}).is_mostly_judged
    assert not Verdict(**{excuse: 1}).is_mostly_judged
