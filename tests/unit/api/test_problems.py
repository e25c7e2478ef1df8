"""Every error is a problem (RFC 9457), and none tells what is inside."""

from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from unit.api.desk import ADMIN, BODY_MAX_BYTES, SERVICE, Desk, read_problem
from unit.counts import count

ORDER = {"userId": "u-42", "orderId": "o-1", "status": "paid"}


class RouterWithABug:
    """Falls over everything."""

    def route(self, event: object) -> tuple[object, ...]:
        raise ZeroDivisionError("secret internals")


@pytest.mark.parametrize("path", ["/", "/nothing", "/realtime", "/realtime/broadcast/nothing", "/api", "/health/none"])
@pytest.mark.parametrize("token", [None, ADMIN])
async def test_a_path_that_is_none_is_not_found(desk: Desk, path: str, token: str | None) -> None:
    response = await desk.ask("GET", path, token)
    problem = read_problem(response)
    assert (response.status_code, problem["code"], problem["title"]) == (404, "not_found", "Not Found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/realtime/broadcast/order", "POST"),
        ("POST", "/realtime/stats", "GET"),
        ("DELETE", "/health", "GET"),
        ("POST", "/metrics", "GET"),
    ],
)
async def test_a_method_that_is_not_meant_is_told_the_one_that_is(
    desk: Desk, method: str, path: str, allowed: str
) -> None:
    response = await desk.ask(method, path, ADMIN)
    problem = read_problem(response)
    assert (response.status_code, problem["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == allowed


async def test_a_bug_is_answered_without_what_is_inside_counted_and_logged(
    make_desk: Callable[..., Desk], logs: list[MutableMapping[str, Any]]
) -> None:
    desk = make_desk(router=RouterWithABug())
    response = await desk.post("/realtime/broadcast/order", ORDER)
    problem = read_problem(response)
    assert (response.status_code, problem["code"]) == (500, "internal")
    assert "secret internals" not in response.text
    assert "ZeroDivision" not in response.text
    assert count(desk.metrics.bugs, where="rest") == 1
    (entry,) = [entry for entry in logs if entry["event"] == "request_failed"]
    assert entry["path"] == "/realtime/broadcast/order"
    assert isinstance(entry["exc_info"], ZeroDivisionError)


async def test_after_a_bug_the_next_request_is_served(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(router=RouterWithABug())
    await desk.post("/realtime/broadcast/order", ORDER)
    assert (await desk.post("/realtime/broadcast/admin", {"message": "m"})).status_code == 202


@pytest.mark.parametrize("token", [None, SERVICE])
async def test_a_body_that_is_too_large_is_refused_before_anything_else(desk: Desk, token: str | None) -> None:
    response = await desk.post("/realtime/broadcast/order", b"x" * (BODY_MAX_BYTES + 1), token)
    problem = read_problem(response)
    assert (response.status_code, problem["code"]) == (413, "body_too_large")
    assert str(BODY_MAX_BYTES) in problem["detail"]


async def test_a_body_of_exactly_the_largest_size_is_read(desk: Desk) -> None:
    start, end = b'{"message":"m"', b"}"
    body = start + b" " * (BODY_MAX_BYTES - len(start) - len(end)) + end
    assert (await desk.post("/realtime/broadcast/admin", body)).status_code == 202


async def test_a_body_is_stopped_at_the_limit_however_long_it_would_go_on(desk: Desk) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 1_024
            yield b"x" * 1_024

    response = await desk.ask("POST", "/realtime/broadcast/admin", SERVICE, content=endless())
    assert response.status_code == 413
    assert sent <= 3 * BODY_MAX_BYTES


async def test_a_body_in_pieces_is_put_together(desk: Desk) -> None:
    async def pieces() -> Any:
        for piece in (b'{"mess', b'age":', b'"m"}'):
            yield piece

    headers = {"Content-Type": "application/json"}
    response = await desk.ask("POST", "/realtime/broadcast/admin", SERVICE, content=pieces(), headers=headers)
    assert response.status_code == 202
