"""A span for each REST request that is traced: what it says, and whom it believes."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from parts.tokens import Issuer
from realtime.api.problems import add_problem_handlers
from realtime.api.realtime import recognise_services
from realtime.api.traced_requests import TracedRequests
from realtime.errors import RedisUnavailable
from realtime.gateway.tokens import TokenVerifier
from realtime.settings import AuthSettings
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.tracing import NO_TRACING, current_span
from unit.spans import NotedSpan, NotedTracing

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

ISSUER = Issuer.hs256()
IS_SERVICE = recognise_services(
    TokenVerifier(AuthSettings(secret=ISSUER.verification_key, issuer=ISSUER.name, audience=ISSUER.audience))
)
OF_A_SERVICE = {"Authorization": f"Bearer {ISSUER.token('shop', 'service')}", "traceparent": TRACEPARENT}

Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def tracing() -> NotedTracing:
    return NotedTracing()


def make_app() -> FastAPI:
    app = FastAPI()
    add_problem_handlers(app, Metrics())

    @app.get("/health")
    @app.get("/realtime/orders/{order_id}")
    async def show(request: Request) -> PlainTextResponse:
        return PlainTextResponse(current_span().span_id)

    @app.get("/realtime/bug")
    async def bug() -> None:
        raise KeyError("of u-42")

    @app.get("/realtime/away")
    async def away() -> None:
        raise RedisUnavailable("redis-7 is away")

    return app


@pytest.fixture
def ask(tracing: NotedTracing) -> Ask:
    transport = httpx.ASGITransport(TracedRequests(make_app(), tracing, IS_SERVICE), raise_app_exceptions=False)

    async def ask(path: str, method: str = "GET", headers: Any = ()) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://pod") as client:
            return await client.request(method, path, headers=headers)

    return ask


def only(tracing: NotedTracing) -> NotedSpan:
    (span,) = tracing.spans
    assert span.has_ended
    return span


async def test_a_request_has_its_routes_name_and_nothing_personal(tracing: NotedTracing, ask: Ask) -> None:
    answer = await ask("/realtime/orders/o-17?token=hunter2", headers=OF_A_SERVICE | {"user-agent": "me"})
    span = only(tracing)
    assert answer.text == span.span_id
    assert span.name == "GET /realtime/orders/{order_id}"
    assert span.parent == TRACEPARENT
    assert span.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.route": "/realtime/orders/{order_id}",
        "http.response.status_code": 200,
    }
    assert span.error is None


async def test_what_is_no_route_and_no_method_has_no_name_of_its_own(tracing: NotedTracing, ask: Ask) -> None:
    await ask("/realtime/hunter2")
    await ask("/realtime/orders/x", method="STEAL")
    assert [span.name for span in tracing.spans] == ["GET", "_OTHER /realtime/orders/{order_id}"]
    assert [span.attributes["http.response.status_code"] for span in tracing.spans] == [404, 405]
    assert [span.error for span in tracing.spans] == [None, None]


@pytest.mark.parametrize(("path", "status"), [("/realtime/bug", 500), ("/realtime/away", 503)])
async def test_what_failed_for_our_sake_says_so_without_words(
    tracing: NotedTracing, ask: Ask, path: str, status: int
) -> None:
    assert (await ask(path)).status_code == status
    span = only(tracing)
    assert span.error == str(status)
    assert span.attributes["http.response.status_code"] == status
    assert "u-42" not in str(span.attributes)


async def test_a_bug_is_logged_within_its_span(
    tracing: NotedTracing, ask: Ask, monkeypatch: pytest.MonkeyPatch, logs: list[MutableMapping[str, Any]]
) -> None:
    seen = []
    monkeypatch.setattr("realtime.api.problems.log.error", lambda *_, **__: seen.append(current_span()), raising=False)
    await ask("/realtime/bug")
    assert seen == tracing.spans


@pytest.mark.parametrize(
    "authorization", [None, "Bearer x", f"Bearer {ISSUER.token('u-1')}", f"Bearer {ISSUER.expired('shop', 'service')}"]
)
async def test_the_header_of_a_stranger_decides_nothing(
    tracing: NotedTracing, ask: Ask, authorization: str | None
) -> None:
    headers = {"traceparent": TRACEPARENT} | ({} if authorization is None else {"Authorization": authorization})
    await ask("/realtime/orders/x", headers=headers)
    span = only(tracing)
    assert (span.parent, span.linked) == (None, TRACEPARENT)


async def test_two_headers_are_none(tracing: NotedTracing, ask: Ask) -> None:
    token = OF_A_SERVICE["Authorization"]
    headers = [("Authorization", token), ("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)]
    await ask("/realtime/orders/x", headers=headers)
    assert only(tracing).parent is None


async def test_probes_and_what_is_not_traced_have_no_span(tracing: NotedTracing, ask: Ask) -> None:
    assert (await ask("/health")).status_code == 200
    assert tracing.spans == []
    transport = httpx.ASGITransport(TracedRequests(make_app(), NO_TRACING, IS_SERVICE))
    async with httpx.AsyncClient(transport=transport, base_url="http://pod") as client:
        assert (await client.get("/realtime/orders/x")).text == ""
