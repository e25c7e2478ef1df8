"""Socket.IO's events -> the gateway."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import socketio
import structlog
from socketio.exceptions import ConnectionRefusedError as Refused

from realtime.errors import DependencyError, Draining, RealtimeError, TooManyForNow
from realtime.gateway.attachment import Attachment
from realtime.gateway.gateway import Gateway, describe
from realtime.gateway.returning import Return, read_return
from realtime.gateway.tokens import Credentials
from realtime.protocol.disconnects import SERVER_DRAINING, TRY_AGAIN
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.tracing import NO_TRACING, Kind, Span, Tracing
from realtime.transports.engineio.hub import REASONS
from realtime.transports.socketio.local import DEFAULT_NAMESPACE

log = structlog.get_logger(__name__)


def register_handlers(
    server: socketio.AsyncServer,
    gateway: Gateway,
    attachment: Attachment,
    metrics: Metrics,
    tracing: Tracing = NO_TRACING,
) -> None:
    """Connect python-socketio's events to the gateway."""
    start_at_zero(metrics.disconnects, REASONS)

    def is_only_named_so(sid: str) -> bool:
        # python-socketio calls the same handlers for events that clients name `connect` or `disconnect`; who really
        # connects or leaves is not connected at that moment.
        return bool(server.manager.is_connected(sid, DEFAULT_NAMESPACE))

    async def on_connect(sid: str, environ: Any = None, auth: Any = None, *more: Any) -> dict[str, Any] | None:
        if is_only_named_so(sid):
            return await on_command("connect", sid, environ, auth, *more)
        # Of a stranger's header only the name is taken: it must not decide what is traced.
        with tracing.begin("connect", Kind.SERVER, linked=environ.get("HTTP_TRACEPARENT")) as span:
            try:
                await admit(sid, span, read_credentials(environ, auth), read_return(auth))
            except Exception as error:
                if not isinstance(error, Refused):
                    span.fail(type(error).__name__)  # a bug of ours
                raise
            finally:
                span.end()
        return None

    async def admit(sid: str, span: Span, credentials: Credentials, returning: Return) -> None:
        try:
            session = await gateway.connect(sid, credentials, returning)
        except (DependencyError, Draining, TooManyForNow) as error:
            span.fail(error.code)
            # A client that is refused does not come back by itself; one whose connection closes does.
            log.info("sent_to_try_again", error=str(error))
            await attachment.close(sid, SERVER_DRAINING if isinstance(error, Draining) else TRY_AGAIN)
            raise Refused(str(error), describe(error)) from None
        except asyncio.CancelledError:
            # python-socketio takes a handler that is cancelled for one that agrees, and would say so to the client.
            span.fail("cancelled")
            await attachment.close(sid, TRY_AGAIN)
            raise Refused(TRY_AGAIN.message) from None
        except RealtimeError as error:
            # The client's `connect_error` has `message`, and the rest in `data`.
            span.describe({"realtime.outcome": error.code})
            raise Refused(str(error), describe(error)) from None
        server.manager.may_return(sid, session.pid)
        span.describe(
            {
                "realtime.outcome": "accepted",
                "realtime.transport": attachment.transport(sid),
                "realtime.recovered": session.recovered,
                "realtime.missed": 0 if session.catch_up is None else len(session.catch_up.missed),
            }
        )

    async def on_disconnect(sid: str, *arguments: Any) -> dict[str, Any] | None:
        if is_only_named_so(sid):
            return await on_command("disconnect", sid, *arguments)
        gateway.disconnected(sid, str(arguments[0]))
        return None

    async def on_command(name: str, sid: str, *arguments: Any) -> dict[str, Any] | None:
        try:
            return await gateway.command(sid, name, arguments)
        except Exception:
            log.exception("command_failed", command=str(name)[:64])
            metrics.bugs.labels("command").inc()
            return {
                "ok": False,
                "error": {
                    "code": "internal",
                    "message": "Something is wrong on our side.",
                    "retryable": True,
                },
            }

    server.on("connect", on_connect)
    server.on("disconnect", on_disconnect)
    server.on("*", on_command)


def read_credentials(environ: Mapping[str, Any], auth: object) -> Credentials:
    """Find what a client brought along: `auth.token`, `Authorization: Bearer`, query `token`; the first one wins.

    A bare `userId` (and `roles`, separated by commas) is read from the query as a mere claim.
    """
    query = parse_qs(environ.get("QUERY_STRING", ""))
    token = auth.get("token") if isinstance(auth, dict) else None
    if token is None:
        scheme, _, value = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        token = value.strip() if scheme.lower() == "bearer" else None
    if token is None:
        token = query.get("token", [None])[0]
    return Credentials(
        token=None if token is None else str(token),
        claimed_user_id=query.get("userId", [None])[0],
        claimed_roles=frozenset(role for role in query.get("roles", [""])[0].split(",") if role),
    )
