"""Errors as RFC 9457 problem+json."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from realtime.errors import DependencyError, RealtimeError
from realtime.gateway.gateway import describe
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class ProblemBody(BaseModel):
    """RFC 9457: what went wrong. `code` is stable, for programs; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class ProblemResponse(JSONResponse):
    """A problem+json body."""

    media_type = "application/problem+json"


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **members: Any
) -> ProblemResponse:
    """Write a problem. `code` is ours, stable and machine-readable; `detail` is for people."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return ProblemResponse(body | members, status, headers)


def add_problem_handlers(app: FastAPI, metrics: Metrics) -> None:
    """Answer every error of the app with a problem."""

    @app.exception_handler(RealtimeError)
    async def on_realtime_error(_: Request, error: RealtimeError) -> ProblemResponse:
        headers = {}
        if error.http_status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if error.retryable and error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            headers["Retry-After"] = "1"
        if isinstance(error, DependencyError):
            log.warning("request_refused", error=str(error))  # what exactly is the matter is for operators
        told = describe(error)
        return problem(error.http_status, error.code, told["message"], headers, retryable=error.retryable)

    @app.exception_handler(RequestValidationError)
    async def on_validation_error(_: Request, error: RequestValidationError) -> ProblemResponse:
        fields = [
            {
                # What is no JSON has a position for its path, and no fields.
                "field": "" if e["type"] == "json_invalid" else ".".join(str(part) for part in e["loc"][1:]),
                "message": e["msg"].removeprefix("Value error, "),
            }
            for e in error.errors()
        ]
        detail = "; ".join(f"{f['field'] or 'body'}: {f['message']}" for f in fields)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=fields)

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> ProblemResponse:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return problem(error.status_code, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> ProblemResponse:
        log.error("request_failed", path=request.url.path, exc_info=error)
        metrics.bugs.labels("rest").inc()
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something is wrong on our side.")
