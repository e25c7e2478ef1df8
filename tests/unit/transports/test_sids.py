"""Session ids: they name their pod, nobody can guess them, and nothing else is taken for one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.transports.socketio.sids import new_pod_id, new_sid, pod_of


def test_a_session_id_names_its_pod() -> None:
    pod_id = new_pod_id()
    sid = new_sid(pod_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{8}", sid)
    assert pod_of(sid) == pod_id


def test_ids_do_not_repeat() -> None:
    assert len({new_sid("b7Hq1xYc") for _ in range(10_000)}) == 10_000
    assert len({new_pod_id() for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user:42",
        "orders:42",
        "inventory:updates",
        "admin:dashboard",
        "product:3kQ0vUmX9aYtW2fZ.b7Hq1xYc",
        "user:3kQ0vUmX9aYtW2fZ.b7Hq1xYc",
        "3kQ0vUmX9aYtW2fZ",
        "3kQ0vUmX9aYtW2fZ.",
        ".b7Hq1xYc",
        "3kQ0vUmX9aYtW2fZ.b7Hq1xY",
        "3kQ0vUmX9aYtW2fZ.b7Hq1xYcd",
        "3kQ0vUmX9aYtW2fZ.b7Hq1xYc\n",
        "3kQ0vUmX9aYtW2fZxb7Hq1xYc",
        "3kQ0vUmX9aYtW2f*.b7Hq1xYc",
        "äkQ0vUmX9aYtW2fZ.b7Hq1xYc",
        "3kQ0vUmX9aYtW2fZ.b7Hq1xYc" * 1_000,
    ],
)
def test_what_is_no_session_id_names_no_pod(text: str) -> None:
    assert pod_of(text) is None


@pytest.mark.parametrize("thing", [None, 5, b"3kQ0vUmX9aYtW2fZ.b7Hq1xYc", ["3kQ0vUmX9aYtW2fZ.b7Hq1xYc"], {}])
def test_what_is_no_text_names_no_pod(thing: object) -> None:
    assert pod_of(thing) is None


@given(st.sampled_from(["user:", "orders:", "product:"]), st.text("aZ09_-.:", max_size=30))
def test_no_room_of_a_user_or_product_is_taken_for_a_session(kind: str, text: str) -> None:
    assert pod_of(kind + text) is None
