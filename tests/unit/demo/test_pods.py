"""Which pod a request goes to."""

from typing import Any

from realtime.demo.pods import DemoPod, DemoPods

NOBODY: Any = None


def two_pods(*, ready: tuple[bool, bool] = (True, True)) -> tuple[DemoPods, DemoPod, DemoPod]:
    one = DemoPod("pod-1", 1, NOBODY, "AAAAAAAA", ready[0])
    other = DemoPod("pod-2", 2, NOBODY, "BBBBBBBB", ready[1])
    return DemoPods([one, other], NOBODY), one, other


def test_a_session_goes_to_the_pod_that_its_id_names() -> None:
    pods, one, other = two_pods()
    assert pods.of_session("3kQ0vUmX9aYtW2fZ.AAAAAAAA") is one
    assert pods.of_session("3kQ0vUmX9aYtW2fZ.BBBBBBBB") is other
    assert pods.of_session("3kQ0vUmX9aYtW2fZ.CCCCCCCC") is None
    assert pods.of_session("") is None


def test_a_session_goes_to_its_pod_also_when_that_takes_no_newcomers() -> None:
    pods, one, _ = two_pods(ready=(False, True))
    assert pods.of_session("3kQ0vUmX9aYtW2fZ.AAAAAAAA") is one


def test_a_pod_that_has_never_answered_holds_no_session() -> None:
    pods = DemoPods([DemoPod("pod-1", 1, NOBODY)], NOBODY)
    assert pods.of_session("None") is None
    assert pods.of_session("") is None


def test_newcomers_go_to_one_pod_after_the_other_and_may_try_the_rest() -> None:
    pods, one, other = two_pods()
    assert [pods.in_turn() for _ in range(3)] == [[one, other], [other, one], [one, other]]


def test_newcomers_go_to_ready_pods_alone() -> None:
    pods, _, other = two_pods(ready=(False, True))
    assert [pods.in_turn() for _ in range(2)] == [[other], [other]]
    pods, *_ = two_pods(ready=(False, False))
    assert pods.in_turn() == []
