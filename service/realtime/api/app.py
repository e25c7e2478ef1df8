"""The REST application."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import realtime
from realtime.api.body_limit import BodyLimit
from realtime.api.health import CheckHealth, RefreshMetrics, make_health_router
from realtime.api.problems import add_problem_handlers
from realtime.api.realtime import make_realtime_router
from realtime.clock import Clock
from realtime.delivery.publisher import Publisher
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import TokenVerifier
from realtime.routing.routes import Router
from realtime.settings import HttpSettings
from realtime.telemetry.metrics import Metrics


def make_api(
    settings: HttpSettings,
    verifier: TokenVerifier,
    stats: Stats,
    publisher: Publisher,
    routes: Router,
    clock: Clock,
    metrics: Metrics,
    check_health: CheckHealth,
    refresh_metrics: RefreshMetrics,
) -> FastAPI:
    """Make the application; Swagger UI is at `/api/docs`."""
    app = FastAPI(
        title="realtime",
        version=realtime.__version__,
        summary="Facts from Kafka topics to exactly the browsers that may see them.",
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.include_router(make_health_router(check_health, refresh_metrics, metrics))
    app.include_router(make_realtime_router(verifier, stats, publisher, routes, clock))
    add_problem_handlers(app, metrics)
    app.add_middleware(BodyLimit, max_bytes=settings.body_max_bytes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    return app
