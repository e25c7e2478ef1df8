"""Health, metrics, and the description of the API itself."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from unit.api.desk import Desk

HEALTH = {"podId": "b7Hq1xYc", "podName": "pod-1", "version": "1.2.3", "isReady": True, "checks": {"redis": "ok"}}


def not_ready(desk: Desk) -> None:
    desk.health = desk.health.model_copy(update={"is_ready": False, "checks": {"redis": "away"}})


async def test_health_is_told_to_anybody(desk: Desk) -> None:
    response = await desk.ask("GET", "/health")
    assert (response.status_code, response.json()) == (200, HEALTH)


async def test_health_is_told_with_200_even_when_it_is_bad(desk: Desk) -> None:
    not_ready(desk)
    response = await desk.ask("GET", "/health")
    assert (response.status_code, response.json()["isReady"]) == (200, False)


async def test_a_pod_that_is_ready_says_200(desk: Desk) -> None:
    response = await desk.ask("GET", "/health/ready")
    assert (response.status_code, response.json()) == (200, HEALTH)


async def test_a_pod_that_is_not_ready_says_503_and_why(desk: Desk) -> None:
    not_ready(desk)
    response = await desk.ask("GET", "/health/ready")
    assert (response.status_code, response.json()["checks"]) == (503, {"redis": "away"})


async def test_a_pod_that_is_not_ready_lives_on(desk: Desk) -> None:
    not_ready(desk)
    response = await desk.ask("GET", "/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_metrics_are_prometheus_text_and_fresh(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    await desk.post("/realtime/test/notification", {"userId": "u", "title": "t", "message": "m"})
    response = await desk.ask("GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    published = [s.value for s in families["realtime_publications"].samples if s.labels == {"source": "rest"}]
    assert 1.0 in published
    assert {"process_resident_memory_bytes", "python_gc_objects_collected"} <= families.keys()
    assert desk.refreshed == 1


async def test_swagger_ui_shows_the_api(desk: Desk) -> None:
    response = await desk.ask("GET", "/api/docs")
    assert response.status_code == 200
    assert "swagger-ui" in response.text
    assert "/api/openapi.json" in response.text


async def test_the_schema_names_every_route_and_how_to_prove_oneself(desk: Desk) -> None:
    schema = (await desk.ask("GET", "/api/openapi.json")).json()
    assert set(schema["paths"]) == {
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/realtime/broadcast/admin",
        "/realtime/broadcast/inventory",
        "/realtime/broadcast/order",
        "/realtime/stats",
        "/realtime/test/notification",
    }
    assert schema["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) == path.startswith("/realtime/")
            assert operation["description"]


async def test_the_schemas_fields_are_in_camel_case_and_no_others_are_allowed(desk: Desk) -> None:
    schemas = (await desk.ask("GET", "/api/openapi.json")).json()["components"]["schemas"]
    requests = {name: schema for name, schema in schemas.items() if name.endswith("Request")}
    assert len(requests) == 4
    for schema in requests.values():
        assert schema["additionalProperties"] is False
        assert not any("_" in field for field in schema["properties"])
    assert requests["InventoryRequest"]["required"] == ["productId", "stock"]


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://shop.example", None),
        (("https://shop.example",), "https://shop.example", "https://shop.example"),
        (("https://shop.example",), "https://evil.example", None),
        (("*",), "https://anybody.example", "*"),
    ],
)
async def test_browsers_come_from_the_origins_that_are_set(
    make_desk: Callable[..., Desk], origins: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    response = await make_desk(cors_origins=origins).ask("GET", "/health", headers={"Origin": origin})
    assert response.headers.get("access-control-allow-origin") == allowed
