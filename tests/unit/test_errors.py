"""Each error knows its treatment."""

import pytest

from realtime import errors
from realtime.errors import ClientError, DependencyError, Draining, RealtimeError, RecordError


def below(parent: type[RealtimeError]) -> list[type[RealtimeError]]:
    return [one for child in parent.__subclasses__() for one in (child, *below(child))]


ALL = below(RealtimeError)


def test_codes_are_stable_names_and_each_is_used_once() -> None:
    codes = [error.code for error in ALL]
    assert len(set(codes)) == len(codes) == 17
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "─" in line]
    assert [line.split("─ ")[1].split()[0] for line in drawn] == [error.__name__ for error in ALL]


@pytest.mark.parametrize("error", below(RecordError))
def test_a_bad_record_is_never_tried_again(error: type[RealtimeError]) -> None:
    assert not error.retryable


@pytest.mark.parametrize("error", [*below(DependencyError), Draining])
def test_what_is_away_is_worth_another_try(error: type[RealtimeError]) -> None:
    assert (error.retryable, error.http_status) == (True, 503)


@pytest.mark.parametrize("error", below(ClientError))
def test_what_a_client_did_is_not_our_fault(error: type[RealtimeError]) -> None:
    assert 400 <= error.http_status < 500
