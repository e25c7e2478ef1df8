"""What Locust's people judge by: numbers that follow each other, thresholds, shapes."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from load.plan import THRESHOLDS
from swarm import shapes, thresholds
from swarm.ledger import Ledger, Owed, Verdict, Written, event_id, parse
from swarm.tokens import BadSettings, Signer


def test_an_event_id_is_read_as_it_was_written() -> None:
    assert parse(event_id("load-1.a#b", 7)) == ("load-1.a#b", 7)


@pytest.mark.parametrize("foreign", ["", "order.updated:0:17", "swarm.", "swarm.x", "swarm.x#", "swarm.x#y", None, 7])
def test_what_others_wrote_is_not_judged(foreign: object) -> None:
    assert parse(foreign) is None


ORDERS, KEY = "order:updated", "o-1"


def written(numbers: int, first_at: float = 10.0, last_at: float = 20.0, *, taken: int | None = None) -> Written:
    """So many events of one order, of which Kafka has taken the first."""
    said = Written()
    for number in range(1, numbers + 1):
        said.begin(KEY, first_at if number == 1 else last_at)
    for number in range(1, numbers + 1):
        said.end(KEY, number, is_taken=number <= (numbers if taken is None else taken))
    return said


def heard(said: Written, *numbers: int, since: float) -> tuple[list[Verdict | None], list[Owed]]:
    """What a device that followed since then tells of each, and what it is owed in the end."""
    ledger = Ledger()
    ledger.follow(since)
    verdicts = [ledger.hear(ORDERS, event_id(KEY, number), said) for number in numbers]
    return verdicts, list(ledger.owed(ORDERS, said, said))


OF_OTHERS = Written()
EARLIER, MEANWHILE, LATER = 5.0, 15.0, 25.0


def test_it_begins_with_what_comes_first_of_others_and_misses_nothing_that_comes_in_order() -> None:
    assert heard(OF_OTHERS, 5, 6, 7, since=EARLIER) == ([Verdict()] * 3, [])


def test_what_is_left_out_is_counted_and_what_comes_twice_is_told() -> None:
    verdicts, _ = heard(OF_OTHERS, 1, 4, 4, 2, 5, since=EARLIER)
    again = Verdict(is_repeated=True)
    assert verdicts == [Verdict(), Verdict(missing=2), again, again, Verdict()]


def test_streams_and_keys_have_numbers_of_their_own() -> None:
    ledger = Ledger()
    told = [("order:updated", "o-1", 1), ("notification", "o-1", 1), ("order:updated", "o-2", 9)]
    assert [ledger.hear(stream, event_id(key, n), OF_OTHERS) for stream, key, n in told] == [Verdict()] * 3


def test_who_was_told_that_something_is_missing_begins_anew() -> None:
    ledger = Ledger()
    ledger.hear("order:updated", event_id("o-1", 1), OF_OTHERS)
    ledger.begin_anew()
    assert ledger.hear("order:updated", event_id("o-1", 9), OF_OTHERS) == Verdict()


@pytest.mark.parametrize(
    ("numbers", "missing", "owed"),
    [
        ((1, 2, 3, 4), [0, 0, 0, 0], 0),
        ((3, 4), [2, 0], 0),  # the first were lost
        ((1, 2), [0, 0], 2),  # the last
        ((2, 3), [1, 0], 1),  # both
        ((), [], 4),  # all
    ],
)
def test_who_followed_before_the_first_is_owed_all_of_them(
    numbers: tuple[int, ...], missing: list[int], owed: int
) -> None:
    verdicts, last = heard(written(4), *numbers, since=EARLIER)
    assert verdicts == [Verdict(missing=count) for count in missing]
    assert last == ([Owed(KEY, owed, 4)] if owed else [])


def test_who_came_meanwhile_is_owed_the_last_and_may_begin_anywhere() -> None:
    assert heard(written(4), 3, 4, since=MEANWHILE) == ([Verdict()] * 2, [])
    assert heard(written(4), 3, since=MEANWHILE) == ([Verdict()], [Owed(KEY, 1, 4)])
    assert heard(written(4), since=MEANWHILE) == ([], [Owed(KEY, 1, 4)])


def test_who_came_later_is_owed_nothing() -> None:
    assert heard(written(4), since=LATER) == ([], [])


def test_who_follows_nothing_is_owed_nothing() -> None:
    ledger, said = Ledger(), written(4)
    assert not list(ledger.owed(ORDERS, said, said))
    ledger.follow(EARLIER)
    ledger.begin_anew()
    assert not list(ledger.owed(ORDERS, said, said))


def test_what_kafka_has_not_taken_is_owed_to_nobody() -> None:
    assert heard(written(4, taken=0), since=EARLIER) == ([], [])
    assert heard(written(4, taken=3), 1, 2, since=EARLIER) == ([Verdict()] * 2, [Owed(KEY, 1, 3)])


def test_what_was_written_a_moment_ago_may_still_be_under_way() -> None:
    ledger, said = Ledger(), written(4)
    ledger.follow(EARLIER)
    assert not list(ledger.owed(ORDERS, said, said, until=MEANWHILE))


def test_what_was_taken_back_leaves_no_hole() -> None:
    said = written(2)
    assert said.begin(KEY, LATER) == 3
    assert said.unanswered == 1
    said.take_back(KEY)
    assert said.unanswered == 0
    assert said.begin(KEY, LATER) == 3


@dataclass
class Counted:
    num_requests: int = 100
    num_failures: int = 0

    def get_response_time_percentile(self, percent: float) -> float | None:
        return {0.5: 20.0, 0.99: 900.0}.get(percent) if self.num_requests else None


@pytest.mark.parametrize(
    ("limits", "entry", "is_kept"),
    [
        ({"p99_ms_max": 900}, Counted(), True),
        ({"p99_ms_max": 899}, Counted(), False),
        ({"failures_max": 0}, Counted(num_failures=1), False),
        ({"failed_part_max": 0.01}, Counted(num_failures=1), True),
        ({"failed_part_max": 0.01}, Counted(num_failures=2), False),
        ({"count_min": 100}, Counted(num_failures=1), False),
        ({"count_min": 99}, Counted(num_failures=1), True),
        # Of what never happened.
        ({"failures_max": 0, "p99_ms_max": 1, "failed_part_max": 0}, None, True),
        ({"count_min": 1}, None, False),
    ],
)
def test_thresholds(limits: dict[str, float], entry: Counted | None, is_kept: bool) -> None:
    entries = {} if entry is None else {"connect": entry}
    assert all(judged.is_kept for judged in thresholds.judge({"connect": limits}, entries)) is is_kept


def test_our_thresholds_can_be_read() -> None:
    ours = thresholds.load(Path(thresholds.__file__).with_name("thresholds.toml"))
    assert ours["gap"] == ours["duplicate"] == {"failures_max": 0}


@pytest.mark.parametrize("kafka", sorted(THRESHOLDS))
def test_a_run_in_which_nobody_hears_anything_keeps_to_no_thresholds_of_ours(kafka: str) -> None:
    entries = {name: Counted() for name in ("connect", "subscribe", "produce")}
    judged = thresholds.judge(thresholds.load(THRESHOLDS[kafka]), entries)
    assert [one.name for one in judged if not one.is_kept] == ["deliver order:updated"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("connect = 1", "connect must be a table"),
        ("[connect]\np98_ms_max = 1", "p98_ms_max = 1: there is count_min, "),
        ("[connect]\np99_ms_max = 'soon'", "p99_ms_max = 'soon'"),
        ("[connect", "Expected"),
    ],
)
def test_a_file_of_thresholds_that_is_wrong_is_told_of(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "thresholds.toml").write_text(text)
    with pytest.raises(BadSettings, match=message):
        thresholds.load(tmp_path / "thresholds.toml")


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_secret_that_no_pod_takes_is_refused(secret: str) -> None:
    with pytest.raises(BadSettings, match="--auth-secret"):
        Signer.of(secret, "", "RS256", "", "")


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(BadSettings, match="no private key for ES256"):
        Signer.of("", str(tmp_path / "key.pem"), "ES256", "", "")


@pytest.mark.parametrize("name", sorted(shapes.SHAPES))
def test_a_shape_asks_for_people_all_the_time_and_never_for_more_than_it_may(name: str) -> None:
    moments = [shapes.SHAPES[name](part / 100, 300, 50) for part in range(101)]
    assert all(1 <= moment.users <= 300 for moment in moments)
    assert max(moment.users for moment in moments) == 300


def test_a_sale_has_thrice_the_people_and_five_times_the_events_for_a_while() -> None:
    before, sale, after = (shapes.flash_sale(part, 300, 50) for part in (0.2, 0.5, 0.8))
    assert (sale.users, sale.events) == (3 * before.users, 5 * before.events)
    assert (after.users, after.events) == (before.users, before.events)


def test_a_storm_breaks_all_connections_twice() -> None:
    assert [shapes.reconnect_storm(part, 300, 50).storms for part in (0.0, 0.5, 1.0)] == [0, 1, 2]
