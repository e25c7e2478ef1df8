"""What services and admins may ask for: statistics, and messages without Kafka. These go the same way as events do."""

import secrets
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.security import HTTPBearer
from pydantic import ConfigDict, Field
from starlette.requests import HTTPConnection

from realtime.api.problems import ProblemBody
from realtime.clock import Clock, iso_utc
from realtime.delivery.publisher import Publisher
from realtime.errors import TokenExpired, Unauthenticated
from realtime.events.envelope import Event
from realtime.events.fact import Fact, Identifier, JsonObject, ShortText
from realtime.events.inventory import InventoryUpdated
from realtime.events.order import OrderUpdated
from realtime.gateway.access import DEVICES_OF_OTHERS, require_admin, require_service
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import Credentials, Identity, TokenVerifier
from realtime.protocol.messages import AdminNotice, Message, MessagePart, Notification, Priority
from realtime.protocol.rooms import ADMIN_DASHBOARD, user_room
from realtime.routing.routes import Router

_REQUEST: Final = ConfigDict(extra="forbid", validate_by_name=False, validate_by_alias=True)
# The one field that JSON has no type of its own for.
_PriorityName = Annotated[Priority, Field(strict=False)]


class NotificationRequest(Fact):
    """A notification to one user."""

    model_config = _REQUEST

    user_id: Identifier
    title: Annotated[ShortText, Field(min_length=1)]
    message: Annotated[ShortText, Field(min_length=1)]
    priority: _PriorityName = Priority.NORMAL


class OrderRequest(OrderUpdated):
    """An order's state, as an `order.updated` event tells it."""

    model_config = _REQUEST


class InventoryRequest(InventoryUpdated):
    """A product's stock, as an `inventory.updated` event tells it."""

    model_config = _REQUEST


class AdminRequest(Fact):
    """A notice to all admins; they receive it as `admin:{event}`."""

    model_config = _REQUEST

    event: Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,63}$")] = "broadcast"
    message: Annotated[ShortText, Field(min_length=1)]
    title: ShortText | None = None
    priority: _PriorityName = Priority.NORMAL
    data: JsonObject | None = None


class Accepted(MessagePart):
    """What was published: the event's id, and how many messages it came to.

    `repeated`: a request with the same Idempotency-Key was published before, and this one was not.
    """

    event_id: str
    messages: int
    repeated: bool = False


IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Makes it safe to repeat a request: only the first with the same key is published.",
        pattern="^[!-~]{1,128}$",
    ),
]

WhoseDevices = Annotated[
    Identifier | None, Query(alias="userId", description="Whose devices to list; needs the role `admin`.")
]


def make_realtime_router(
    verifier: TokenVerifier, stats: Stats, publisher: Publisher, routes: Router, clock: Clock
) -> APIRouter:
    """Make the routes. All of them need a token with the role `service` or `admin`."""
    bearer = HTTPBearer(auto_error=False, description="A JWT with the role `service` or `admin`.")

    async def authenticate(request: Request) -> Identity:
        identity = verifier.identify(_credentials(request))
        require_service(identity)
        return identity

    router = APIRouter(
        prefix="/realtime",
        tags=["realtime"],
        dependencies=[Depends(bearer), Depends(authenticate)],
        responses={status: {"model": ProblemBody} for status in (401, 403, 422, 503)},
    )

    async def publish(event: Event, messages: Sequence[Message], key: str | None) -> Accepted:
        fresh = await publisher.publish_event(event, messages, key)
        return Accepted(event_id=event.id, messages=len(messages) if fresh else 0, repeated=not fresh)

    def event_of(event_type: str, fact: Fact) -> Event:
        event_id = f"rest-{secrets.token_urlsafe(12)}"
        return Event(event_id, event_type, fact, clock.wall_ms(), is_measured=False)

    @router.get("/stats")
    async def cluster_or_user_stats(
        request: Request, identity: Annotated[Identity, Depends(authenticate)], user_id: WhoseDevices = None
    ) -> dict[str, Any]:
        """Connections, users and rooms of every pod; with `userId`, that user's devices on all pods, for admins alone.

        A device has `deviceId` (its `socketId`), `podId`, `connectedAt`, and `transport`, what it connected over; most
        clients that begin by `polling` move to a websocket. The devices of a pod that died are gone within seconds.
        """
        # Without a token, which is for development alone, it says who asks.
        if user_id is None or _credentials(request).token is None:
            return await stats.of_cluster()
        require_admin(identity, DEVICES_OF_OTHERS)
        return await stats.of_devices(user_id)

    @router.post("/test/notification", status_code=202)
    async def send_notification(body: NotificationRequest, idempotency_key: IdempotencyKey = None) -> Accepted:
        """Send a `notification` to all of a user's sessions."""
        event = event_of("notification", body)
        notification = Notification(
            event_id=event.id,
            title=body.title,
            message=body.message,
            priority=body.priority,
            timestamp=iso_utc(event.occurred_ms),
        )
        message = Message("notification", (user_room(body.user_id),), (notification,))
        return await publish(event, [message], idempotency_key)

    @router.post("/broadcast/order", status_code=202)
    async def broadcast_order(body: OrderRequest, idempotency_key: IdempotencyKey = None) -> Accepted:
        """Send what an `order.updated` event would send."""
        event = event_of("order.updated", body)
        return await publish(event, routes.route(event), idempotency_key)

    @router.post("/broadcast/inventory", status_code=202)
    async def broadcast_inventory(body: InventoryRequest, idempotency_key: IdempotencyKey = None) -> Accepted:
        """Send what an `inventory.updated` event would send."""
        event = event_of("inventory.updated", body)
        return await publish(event, routes.route(event), idempotency_key)

    @router.post("/broadcast/admin", status_code=202)
    async def broadcast_admin(body: AdminRequest, idempotency_key: IdempotencyKey = None) -> Accepted:
        """Send a notice to all admins."""
        event = event_of("admin.notice", body)
        notice = AdminNotice(
            event_id=event.id,
            message=body.message,
            priority=body.priority,
            timestamp=iso_utc(event.occurred_ms),
            title=body.title,
            data=body.data,
        )
        return await publish(event, [Message(f"admin:{body.event}", (ADMIN_DASHBOARD,), (notice,))], idempotency_key)

    return router


def recognise_services(verifier: TokenVerifier) -> Callable[[HTTPConnection], bool]:
    """Make a function that says whether a request may use these routes, as far as its token goes."""

    def is_service(request: HTTPConnection) -> bool:
        try:
            return verifier.identify(_credentials(request)).is_service
        except (Unauthenticated, TokenExpired):
            return False

    return is_service


def _credentials(request: HTTPConnection) -> Credentials:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    query = request.query_params
    return Credentials(
        token=token.strip() if scheme.lower() == "bearer" else query.get("token"),
        claimed_user_id=query.get("userId"),
        claimed_roles=frozenset(role for role in query.get("roles", "").split(",") if role),
    )
