"""How long after a fault fresh events are still late: measured at devices that never leave by themselves."""

from chaos.ledger import Connection, DeviceLog, EventId, Heard, Keeps, Ledger
from chaos.scenario import NORMAL_AT_LEAST_SECONDS, NORMAL_FACTOR, time_to_recover

STRUCK, MENDED = 100.0, 110.0


def ledger(*sent_and_heard: tuple[float, float | None], is_steady: bool = True) -> Ledger:
    """One user's events, each sent and heard then; None: it never was."""
    sent_at, heard = {}, []
    for number, (sent, came) in enumerate(sent_and_heard, 1):
        event = EventId("ann.1", number)
        sent_at[event] = sent
        if came is not None:
            heard.append(Heard("order:updated", event, came))
    connections = [Connection("pod-0", heard=heard)]
    device = DeviceLog("ann", "ann/0", Keeps.SESSION, ("order:updated",), is_steady=is_steady, connections=connections)
    return Ledger(sent_at=sent_at, devices=[device], struck_at=STRUCK, mended_at=MENDED)


def calm(seconds: float = 0.01) -> list[tuple[float, float | None]]:
    return [(at, at + seconds) for at in (90.0, 91.0, 92.0)]


def test_who_is_as_quick_as_ever_has_recovered_at_once() -> None:
    assert time_to_recover(ledger(*calm(), (111, 111.1))) == (NORMAL_AT_LEAST_SECONDS, 0)


def test_it_lasts_until_the_last_late_event_has_come() -> None:
    _, seconds = time_to_recover(ledger(*calm(), (111, 116), (112, 117.5), (118, 118.1)))
    assert seconds == 7.5


def test_what_was_sent_during_the_fault_is_not_fresh() -> None:
    assert time_to_recover(ledger(*calm(), (105, 115), (111, 111.1)))[1] == 0


def test_what_never_came_has_no_time() -> None:
    assert time_to_recover(ledger(*calm(), (111, None)))[1] is None


def test_where_it_always_was_slow_slow_is_normal() -> None:
    normal, seconds = time_to_recover(ledger(*calm(1.0), (111, 113)))
    assert (round(normal, 6), seconds) == (NORMAL_FACTOR, 0)


def test_devices_that_come_and_go_say_nothing_about_it() -> None:
    assert time_to_recover(ledger(*calm(), (111, None), is_steady=False))[1] == 0
