"""Health, for Kubernetes and for people, and the metrics for Prometheus."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from realtime.telemetry.exposition import write
from realtime.telemetry.metrics import Metrics


class Health(BaseModel):
    """How a pod is doing. `checks` is name -> what is the matter, `ok` where nothing is.

    Only what `is_ready` says decides whether clients are sent here; a check may be told and yet not count.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)

    pod_id: str
    pod_name: str
    version: str
    is_ready: bool
    checks: dict[str, str]


CheckHealth = Callable[[], Health]
RefreshMetrics = Callable[[], Awaitable[None]]


def make_health_router(check_health: CheckHealth, refresh_metrics: RefreshMetrics, metrics: Metrics) -> APIRouter:
    """Make the routes; they ask nobody anything, so that a probe costs nothing and cannot hang."""
    router = APIRouter(tags=["health"])
    checked_health = Annotated[Health, Depends(check_health)]

    @router.get("/health")
    async def health(checked: checked_health) -> Health:
        """How this pod is doing, for people; always 200."""
        return checked

    @router.get("/health/ready")
    async def ready(checked: checked_health) -> JSONResponse:
        """Whether clients may be sent here: 200 or 503.

        Ready means: this pod hears its own heartbeat come back through Redis, it has got its share of Kafka's
        partitions once (be it none), and it is not leaving. Kafka going away later does not count, for sockets and REST
        go on without it.
        """
        return JSONResponse(checked.model_dump(by_alias=True), 200 if checked.is_ready else 503)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """Whether the event loop turns: it does if this answers. Dependencies do not count, or an outage of Redis
        would have Kubernetes restart every pod.
        """  # noqa: D205 - the first sentence needs its reason
        return {"status": "ok"}

    @router.get("/metrics", response_class=Response)
    async def prometheus_metrics(request: Request) -> Response:
        """Metrics in the Prometheus text format, or as OpenMetrics with exemplars, as `Accept` asks for."""
        await refresh_metrics()
        content, content_type = write(metrics.registry, request.headers.get("accept", ""))
        return Response(content, headers={"content-type": content_type})

    return router
