"""What a client brought along, and which of it counts."""

from typing import Any

import pytest

from realtime.gateway.tokens import Credentials
from realtime.transports.socketio.handlers import read_credentials


def environ(authorization: str | None = None, query: str = "") -> dict[str, Any]:
    headers = {} if authorization is None else {"HTTP_AUTHORIZATION": authorization}
    return {"QUERY_STRING": query, **headers}


def test_auth_comes_before_the_header_and_the_header_before_the_query() -> None:
    everywhere = environ("Bearer from-header", "token=from-query")
    assert read_credentials(everywhere, {"token": "from-auth"}).token == "from-auth"
    assert read_credentials(everywhere, None).token == "from-header"
    assert read_credentials(environ(None, "token=from-query"), None).token == "from-query"
    assert read_credentials(environ(), None).token is None


def test_an_empty_token_is_one_and_does_not_give_way_to_the_next_place() -> None:
    assert read_credentials(environ("Bearer from-header"), {"token": ""}).token == ""
    assert read_credentials(environ("Bearer ", "token=from-query"), None).token == ""


@pytest.mark.parametrize("auth", [None, {}, {"token": None}, {"Token": "x"}, [], ["token"], "token", 5, True])
def test_auth_without_a_token_gives_way(auth: object) -> None:
    assert read_credentials(environ("Bearer from-header"), auth).token == "from-header"


@pytest.mark.parametrize("token", [5, True, ["a.b.c"], {"a": 1}, b"a.b.c"])
def test_a_token_that_is_no_text_becomes_one_that_nobody_believes(token: object) -> None:
    assert read_credentials(environ("Bearer from-header"), {"token": token}).token == str(token)


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c  "])
def test_bearer_is_bearer_however_it_is_written(header: str) -> None:
    assert read_credentials(environ(header), None).token == "a.b.c"


@pytest.mark.parametrize("header", ["", "a.b.c", "Basic dTpw", "Bearera.b.c", "Bearer\ta.b.c", "Token a.b.c"])
def test_other_schemes_are_no_token(header: str) -> None:
    assert read_credentials(environ(header, "token=from-query"), None).token == "from-query"


@pytest.mark.parametrize(
    ("query", "token"),
    [
        ("token=a.b.c&EIO=4", "a.b.c"),
        ("token=first&token=second", "first"),
        ("token=", None),
        ("token", None),
        ("TOKEN=x", None),
        ("token=%FF%00", "\N{REPLACEMENT CHARACTER}\x00"),
        ("&&==&token=x", "x"),
    ],
)
def test_the_query_is_read_as_browsers_write_it(query: str, token: str | None) -> None:
    assert read_credentials(environ(None, query), None).token == token


def test_a_bare_user_id_is_read_as_a_mere_claim() -> None:
    assert read_credentials(environ(None, "userId=42&roles=admin,,buyer"), None) == Credentials(
        None, "42", frozenset({"admin", "buyer"})
    )


def test_an_environment_without_anything_is_nobody() -> None:
    assert read_credentials({}, None) == Credentials()
