"""What Locust's people judge by: numbers that follow each other, thresholds, shapes."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from swarm import shapes, thresholds
from swarm.ledger import Ledger, Verdict, event_id, parse
from swarm.tokens import BadSettings, Signer


def test_an_event_id_is_read_as_it_was_written() -> None:
    assert parse(event_id("load-1.a#b", 7)) == ("load-1.a#b", 7)


@pytest.mark.parametrize("foreign", ["", "order.updated:0:17", "swarm.", "swarm.x", "swarm.x#", "swarm.x#y", None, 7])
def test_what_others_wrote_is_not_judged(foreign: object) -> None:
    assert parse(foreign) is None


def test_it_begins_with_what_comes_first_and_misses_nothing_that_comes_in_order() -> None:
    ledger = Ledger()
    assert [ledger.hear("order:updated", event_id("o-1", number)) for number in (5, 6, 7)] == [Verdict()] * 3


def test_what_is_left_out_is_counted_and_what_comes_twice_is_told() -> None:
    ledger = Ledger()
    ledger.hear("order:updated", event_id("o-1", 1))
    assert ledger.hear("order:updated", event_id("o-1", 4)) == Verdict(missing=2)
    assert ledger.hear("order:updated", event_id("o-1", 4)) == Verdict(is_repeated=True)
    assert ledger.hear("order:updated", event_id("o-1", 2)) == Verdict(is_repeated=True)
    assert ledger.hear("order:updated", event_id("o-1", 5)) == Verdict()


def test_streams_and_keys_have_numbers_of_their_own() -> None:
    ledger = Ledger()
    ledger.hear("order:updated", event_id("o-1", 1))
    assert ledger.hear("notification", event_id("o-1", 1)) == Verdict()
    assert ledger.hear("order:updated", event_id("o-2", 9)) == Verdict()


def test_who_was_told_that_something_is_missing_begins_anew() -> None:
    ledger = Ledger()
    ledger.hear("order:updated", event_id("o-1", 1))
    ledger.begin_anew()
    assert ledger.hear("order:updated", event_id("o-1", 9)) == Verdict()


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
