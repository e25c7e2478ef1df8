"""What services and admins may ask for, and that it goes the same way as events do."""

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any

import pytest

from realtime.broker.base import NOT_MEASURED
from realtime.clock import iso_utc
from realtime.presence.base import Device, PodReport
from realtime.presence.memory import MemoryPodDirectory
from unit.api.desk import ADMIN, ISSUER, SERVICE, USER, Desk, read_problem
from unit.counts import count
from unit.fakes import NOON, AbsentPresence, FakeClock
from unit.told import tell

NOTIFICATION = {"userId": "u-42", "title": "Hello", "message": "Your parcel waits."}
ORDER = {"userId": "u-42", "orderId": "o-1", "status": "shipped", "previousStatus": "packed"}
INVENTORY = {"productId": "p-9", "stock": 3, "sku": "TP-1", "productName": "Tea pot"}
NOTICE = {"message": "Maintenance at noon."}

POSTS: dict[str, dict[str, Any]] = {
    "/realtime/test/notification": NOTIFICATION,
    "/realtime/broadcast/order": ORDER,
    "/realtime/broadcast/inventory": INVENTORY,
    "/realtime/broadcast/admin": NOTICE,
}
ROUTES = [("GET", "/realtime/stats", None), *(("POST", path, body) for path, body in POSTS.items())]


@pytest.fixture(params=POSTS)
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# -- who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=lambda value: str(value)[-12:])
class TestWhoMay:
    async def test_services_and_admins_may(self, desk: Desk, method: str, path: str, body: Any) -> None:
        for token in (SERVICE, ADMIN):
            assert (await desk.ask(method, path, token, json=body)).is_success

    async def test_a_user_may_not(self, desk: Desk, method: str, path: str, body: Any) -> None:
        response = await desk.ask(method, path, USER, json=body)
        problem = read_problem(response)
        assert (response.status_code, problem["code"], problem["title"]) == (403, "forbidden", "Forbidden")
        assert desk.published == []

    @pytest.mark.parametrize("token", [None, "", "a.b.c", ISSUER.unsigned("root", "admin")])
    async def test_a_stranger_may_not(self, desk: Desk, method: str, path: str, body: Any, token: str | None) -> None:
        response = await desk.ask(method, path, token, json=body)
        problem = read_problem(response)
        assert (response.status_code, problem["code"]) == (401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"
        assert desk.published == []

    async def test_an_expired_token_is_told_apart(self, desk: Desk, method: str, path: str, body: Any) -> None:
        response = await desk.ask(method, path, ISSUER.expired("root", "admin"), json=body)
        problem = read_problem(response)
        assert (response.status_code, problem["code"], problem["retryable"]) == (401, "token_expired", True)

    async def test_who_may_not_does_not_learn_what_is_wrong_with_the_body(
        self, desk: Desk, method: str, path: str, body: Any
    ) -> None:
        if method == "POST":
            assert (await desk.post(path, {"nonsense": 1}, USER)).status_code == 403
            assert (await desk.post(path, {"nonsense": 1}, None)).status_code == 401


async def test_how_late_it_is_is_not_measured(desk: Desk, path: str) -> None:
    await desk.post(path, POSTS[path])
    told = [delivery for deliveries in desk.hub.histories.values() for delivery in deliveries]
    assert {delivery.occurred_ms for delivery in told} == {NOT_MEASURED}


async def test_other_schemes_than_bearer_are_no_token(desk: Desk) -> None:
    for scheme in ("Basic", "Digest", "Bearerx"):
        response = await desk.ask("GET", "/realtime/stats", headers={"Authorization": f"{scheme} {ADMIN}"})
        assert response.status_code == 401


async def test_a_bare_claim_is_believed_in_the_insecure_development_mode_alone(
    desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    path = "/realtime/stats?userId=root&roles=admin"
    assert (await desk.ask("GET", path)).status_code == 401
    insecure = make_desk(insecure=True)
    assert (await insecure.ask("GET", path)).status_code == 200
    assert (await insecure.ask("GET", "/realtime/stats?userId=u-42&roles=buyer")).status_code == 403


# -- the same way as events -----------------------------------------------------------------------------------------


async def test_a_notification_reaches_all_of_a_users_sessions(desk: Desk) -> None:
    response = await desk.post("/realtime/test/notification", NOTIFICATION | {"priority": "urgent"})
    accepted = response.json()
    assert (response.status_code, accepted["messages"], accepted["repeated"]) == (202, 1, False)
    assert desk.published == [
        (
            "notification",
            ["user:u-42"],
            {
                "eventId": accepted["eventId"],
                "title": "Hello",
                "message": "Your parcel waits.",
                "priority": "urgent",
                "timestamp": NOON,
            },
        )
    ]


@pytest.mark.parametrize(
    ("path", "event_type", "body"),
    [
        ("/realtime/broadcast/order", "order.updated", ORDER),
        ("/realtime/broadcast/order", "order.updated", {"orderId": "o", "buyerId": "u", "status": "In Klärung"}),
        ("/realtime/broadcast/inventory", "inventory.updated", INVENTORY),
        ("/realtime/broadcast/inventory", "inventory.updated", {"productId": "p", "stock": 0}),
        ("/realtime/broadcast/inventory", "inventory.updated", {"productId": "p", "stock": 11}),
    ],
)
async def test_a_broadcast_says_what_an_event_would_say(
    desk: Desk, path: str, event_type: str, body: dict[str, Any]
) -> None:
    accepted = (await desk.post(path, body)).json()
    as_event = [
        (name, list(rooms), data | {"eventId": accepted["eventId"]}) for name, rooms, data in tell(event_type, **body)
    ]
    assert desk.published == as_event
    assert accepted["messages"] == len(as_event)


async def test_a_notice_reaches_the_admins(desk: Desk) -> None:
    body = NOTICE | {"event": "maintenance", "title": "Soon", "priority": "high", "data": {"from": None, "x": [1, {}]}}
    accepted = (await desk.post("/realtime/broadcast/admin", body)).json()
    assert desk.published == [
        (
            "admin:maintenance",
            ["admin:dashboard"],
            {
                "eventId": accepted["eventId"],
                "message": "Maintenance at noon.",
                "title": "Soon",
                "priority": "high",
                "timestamp": NOON,
                "data": {"from": None, "x": [1, {}]},
            },
        )
    ]


async def test_a_notice_has_a_name_where_none_is_given(desk: Desk) -> None:
    await desk.post("/realtime/broadcast/admin", NOTICE)
    assert [name for name, _, _ in desk.published] == ["admin:broadcast"]


async def test_each_request_is_an_event_of_its_own(desk: Desk, path: str) -> None:
    ids = {(await desk.post(path, POSTS[path])).json()["eventId"] for _ in range(3)}
    assert len(ids) == 3
    assert all(event_id.startswith("rest-") for event_id in ids)


async def test_what_is_published_is_counted(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    await desk.post("/realtime/broadcast/inventory", INVENTORY)
    assert count(desk.metrics.publications, source="rest") == 3


async def test_the_clusters_stats_are_told(make_desk: Callable[..., Desk], clock: FakeClock) -> None:
    directory = MemoryPodDirectory(clock)
    report = PodReport(
        pod_id="a",
        name="pod-a",
        roles=("sockets",),
        connections=5,
        users=4,
        rooms=3,
        sockets_by_transport={"polling": 5},
        assigned_partitions=0,
        is_draining=True,
        reported_at=iso_utc(0),
    )
    await directory.report(report, lease_seconds=10)
    response = await make_desk(directory=directory).ask("GET", "/realtime/stats", ADMIN)
    assert response.json() == {
        "connections": 5,
        "serverTime": NOON,
        "pods": [report.model_dump(by_alias=True, mode="json")],
    }


# -- a user's devices -----------------------------------------------------------------------------------------------


@pytest.fixture
async def desk_with_devices(make_desk: Callable[..., Desk]) -> AsyncIterator[Desk]:
    desk = make_desk()
    run = asyncio.create_task(desk.presence.run())
    await asyncio.sleep(0)
    for number, user_id in enumerate(("u-42", "u-43", "u-42", "ü/42")):
        await desk.presence.arrive(
            Device(
                device_id=f"s-{number}.pod-{number}",
                user_id=user_id,
                pod_id=f"pod-{number}",
                transport="websocket",
                connected_at=iso_utc(number),
            )
        )
    yield desk
    run.cancel()
    await asyncio.wait([run])


async def test_an_admin_sees_a_users_devices_on_all_pods(desk_with_devices: Desk) -> None:
    response = await desk_with_devices.ask("GET", "/realtime/stats", ADMIN, params={"userId": "u-42"})
    assert (response.status_code, response.json()) == (
        200,
        {
            "userId": "u-42",
            "connections": 2,
            "serverTime": NOON,
            "devices": [
                {
                    "deviceId": f"s-{number}.pod-{number}",
                    "podId": f"pod-{number}",
                    "transport": "websocket",
                    "connectedAt": iso_utc(number),
                }
                for number in (0, 2)
            ],
        },
    )
    for user_id, count_of in (("ü/42", 1), ("u-4", 0), ("*", 0)):
        response = await desk_with_devices.ask("GET", "/realtime/stats", ADMIN, params={"userId": user_id})
        assert (response.json()["userId"], response.json()["connections"]) == (user_id, count_of)


@pytest.mark.parametrize(("token", "status"), [(SERVICE, 403), (USER, 403), (None, 401)])
async def test_a_users_devices_are_for_admins_alone(desk_with_devices: Desk, token: str | None, status: int) -> None:
    for user_id in ("u-42", "svc", "nobody"):
        response = await desk_with_devices.ask("GET", "/realtime/stats", token, params={"userId": user_id})
        assert response.status_code == status
        assert "pod-" not in response.text


@pytest.mark.parametrize("user_id", ["", " ", "x" * 129, "a b", "a\nb", "\x7f"])
async def test_a_user_id_that_is_none_is_refused(desk_with_devices: Desk, user_id: str) -> None:
    response = await desk_with_devices.ask("GET", "/realtime/stats", ADMIN, params={"userId": user_id})
    problem = read_problem(response)
    assert response.status_code == 422
    assert "userId" in str(problem)


async def test_while_redis_is_away_devices_are_not_told(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(presence=AbsentPresence())
    response = await desk.ask("GET", "/realtime/stats?userId=u-42", ADMIN)
    assert (response.status_code, read_problem(response)["code"]) == (503, "redis_unavailable")


async def test_swagger_tells_of_devices(desk: Desk) -> None:
    document = (await desk.ask("GET", "/api/openapi.json")).json()
    stats = document["paths"]["/realtime/stats"]["get"]
    (parameter,) = stats["parameters"]
    assert (parameter["name"], parameter["required"]) == ("userId", False)
    assert "deviceId" in stats["description"]


# -- repeating ------------------------------------------------------------------------------------------------------


async def test_a_request_that_is_repeated_is_published_once(desk: Desk, path: str) -> None:
    first = await desk.post(path, POSTS[path], **{"Idempotency-Key": "k-1"})
    published = desk.published
    again = await desk.post(path, POSTS[path], **{"Idempotency-Key": "k-1"})
    assert (first.json()["repeated"], again.status_code) == (False, 202)
    assert (again.json()["repeated"], again.json()["messages"]) == (True, 0)
    assert desk.published == published


async def test_requests_with_keys_of_their_own_are_both_published(desk: Desk, path: str) -> None:
    for key in ("k-1", "k-2"):
        assert (await desk.post(path, POSTS[path], **{"Idempotency-Key": key})).json()["repeated"] is False


async def test_a_key_is_forgotten_in_time(desk: Desk, path: str) -> None:
    await desk.post(path, POSTS[path], **{"Idempotency-Key": "k-1"})
    desk.clock.advance(desk.hub.history_settings.idempotency_key_seconds + 1)
    assert (await desk.post(path, POSTS[path], **{"Idempotency-Key": "k-1"})).json()["repeated"] is False


async def test_a_request_that_was_refused_does_not_use_up_its_key(desk: Desk, path: str) -> None:
    await desk.post(path, {"nonsense": 1}, **{"Idempotency-Key": "k-1"})
    assert (await desk.post(path, POSTS[path], **{"Idempotency-Key": "k-1"})).json()["repeated"] is False


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "k\tk", "ü"])
async def test_a_key_that_is_none_is_refused(desk: Desk, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    response = await desk.ask("POST", "/realtime/broadcast/admin", ADMIN, json=NOTICE, headers=headers)
    problem = read_problem(response)
    assert (response.status_code, problem["errors"][0]["field"]) == (422, "idempotency-key")
    assert desk.published == []


# -- what is refused ------------------------------------------------------------------------------------------------

WRONG = [
    ("test/notification", {"userId": None}, "userId"),
    ("test/notification", {"userId": 42}, "userId"),
    ("test/notification", {"userId": "a b"}, "userId"),
    ("test/notification", {"userId": "\ud800"}, "userId"),
    ("test/notification", {"title": ""}, "title"),
    ("test/notification", {"title": "\ud800"}, "title"),
    ("test/notification", {"message": "x" * 1_001}, "message"),
    ("test/notification", {"priority": "loud"}, "priority"),
    ("test/notification", {"priority": 1}, "priority"),
    ("test/notification", {"user_id": "u-42"}, "user_id"),
    ("test/notification", {"isAdmin": True}, "isAdmin"),
    ("broadcast/order", {"orderId": 5}, "orderId"),
    ("broadcast/order", {"status": ""}, "status"),
    ("broadcast/order", {"status": None}, "status"),
    ("broadcast/order", {"totalAmount": "5"}, "totalAmount"),
    ("broadcast/order", {"totalAmount": True}, "totalAmount"),
    ("broadcast/order", {"updatedAt": "now"}, "updatedAt"),
    ("broadcast/order", {"eventId": "forged"}, "eventId"),
    ("broadcast/inventory", {"stock": -1}, "stock"),
    ("broadcast/inventory", {"stock": "5"}, "stock"),
    ("broadcast/inventory", {"stock": True}, "stock"),
    ("broadcast/inventory", {"stock": 5.0}, "stock"),
    ("broadcast/inventory", {"stock": None}, "stock"),
    ("broadcast/inventory", {"sku": 5}, "sku"),
    ("broadcast/inventory", {"stocks": 5}, "stocks"),
    ("broadcast/admin", {"message": ""}, "message"),
    ("broadcast/admin", {"event": ""}, "event"),
    ("broadcast/admin", {"event": "Order"}, "event"),
    ("broadcast/admin", {"event": 'x",{}]'}, "event"),
    ("broadcast/admin", {"event": "x\n"}, "event"),
    ("broadcast/admin", {"event": "x" * 65}, "event"),
    ("broadcast/admin", {"data": []}, "data"),
    ("broadcast/admin", {"data": "{}"}, "data"),
    ("broadcast/admin", {"data": {"x": "\ud800"}}, "data"),
    ("broadcast/admin", {"data": {"x": float("nan")}}, "data"),
    ("broadcast/admin", {"data": {"x": float("inf")}}, "data"),
    ("broadcast/admin", {"userId": "u-42"}, "userId"),
]


@pytest.mark.parametrize(("path", "wrong", "field"), WRONG, ids=lambda value: ascii(value)[:30])
async def test_a_wrong_field_is_refused_by_its_name(desk: Desk, path: str, wrong: dict[str, Any], field: str) -> None:
    response = await desk.post(f"/realtime/{path}", POSTS[f"/realtime/{path}"] | wrong)
    problem = read_problem(response)
    assert (response.status_code, problem["code"]) == (422, "invalid_request")
    ((named, message),) = {(error["field"], error["message"]) for error in problem["errors"]}
    assert named.split(".")[0] == field
    assert problem["detail"] == f"{named}: {message}"
    assert desk.published == []


async def test_a_field_that_must_be_there_is_missed_by_its_name(desk: Desk, path: str) -> None:
    problem = read_problem(await desk.post(path, {}))
    missed = {error["field"] for error in problem["errors"]}
    assert missed <= POSTS[path].keys()
    assert missed


async def test_an_order_without_an_owner_is_refused(desk: Desk) -> None:
    problem = read_problem(await desk.post("/realtime/broadcast/order", {"orderId": "o", "status": "paid"}))
    assert "buyerId or userId is required" in problem["detail"]


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"{", b'{"a":}', b"\xff\xfe", b"[]", b"5", b"null", b'"x"', b"[" * 3_000]
)
async def test_a_body_that_is_no_object_is_refused_as_a_whole(desk: Desk, path: str, body: bytes) -> None:
    response = await desk.post(path, body)
    problem = read_problem(response)
    assert response.status_code in {400, 422}
    assert {error["field"] for error in problem.get("errors", [])} <= {""}
    assert desk.published == []


@pytest.mark.parametrize("levels", [33, 254, 255, 256, 900])
async def test_data_that_is_nested_too_deep_is_refused_in_few_words(desk: Desk, levels: int) -> None:
    body = b'{"message":"m","data":{"x":' + b"[" * levels + b"]" * levels + b"}}"
    response = await desk.post("/realtime/broadcast/admin", body)
    assert response.status_code == 422
    assert read_problem(response)["detail"] == "data: must not be nested deeper than 32 levels"


async def test_a_form_is_no_json(desk: Desk, path: str) -> None:
    response = await desk.ask("POST", path, SERVICE, data={"userId": "u-42"})
    assert response.status_code == 422
    read_problem(response)


# -- while Redis is away --------------------------------------------------------------------------------------------


async def test_while_redis_is_away_the_caller_may_repeat_the_request(desk_without_redis: Desk, path: str) -> None:
    response = await desk_without_redis.post(path, POSTS[path])
    problem = read_problem(response)
    assert (response.status_code, problem["code"], problem["retryable"]) == (503, "redis_unavailable", True)
    assert response.headers["retry-after"] == "1"


async def test_while_redis_is_away_there_are_no_stats(desk_without_redis: Desk) -> None:
    response = await desk_without_redis.ask("GET", "/realtime/stats", ADMIN)
    assert (response.status_code, read_problem(response)["code"]) == (503, "redis_unavailable")


async def test_what_exactly_is_the_matter_with_redis_is_for_operators(
    desk_without_redis: Desk, path: str, logs: list[MutableMapping[str, Any]]
) -> None:
    response = await desk_without_redis.post(path, POSTS[path])
    assert "redis-7" not in response.text
    assert "hunter2" not in response.text
    (entry,) = [entry for entry in logs if entry["event"] == "request_refused"]
    assert "redis-7" in entry["error"]
