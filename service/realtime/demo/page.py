"""What the storefront page is served by: its files, who may sign in, and buttons that put real facts into Kafka."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from realtime.demo.client_library import ClientLibrary
from realtime.demo.people import BUYERS, EVERYBODY
from realtime.demo.pods import DemoPods
from realtime.demo.shop import PRODUCTS, Published, Shop
from realtime.errors import KafkaUnavailable
from realtime.settings import AuthSettings

# Only names that mean this machine: a stranger's page that makes its own name point here gets no tokens.
ALLOWED_HOSTS: Final = ("127.0.0.1", "localhost")
BODY_MAX_BYTES: Final = 4_096
UNCACHED: Final = {"Cache-Control": "no-store"}


def _buys(user_id: str) -> str:
    if user_id not in {person.user_id for person in BUYERS}:
        raise ValueError("is not one of the buyers")
    return user_id


def _is_sold(product_id: str) -> str:
    if product_id not in {product.product_id for product in PRODUCTS}:
        raise ValueError("is not one of the products")
    return product_id


BuyerId = Annotated[str, AfterValidator(_buys)]
ProductId = Annotated[str, AfterValidator(_is_sold)]
OrderId = Annotated[str, Field(pattern="^o-[0-9a-f]{6}$")]


class Body(BaseModel):
    """A request's body; camelCase on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class PlaceOrder(Body):
    """Somebody buys something."""

    buyer_id: BuyerId


class ChangeOrder(Body):
    """An order is shipped or cancelled."""

    buyer_id: BuyerId
    order_id: OrderId
    action: Literal["ship", "cancel"]


class SetStock(Body):
    """There is more or less of a product."""

    product_id: ProductId
    stock: Annotated[int, Field(ge=0, le=1_000_000)]


class Page:
    """The page's own small server. `parts` says in words what runs here: `kafka` and `redis`."""

    def __init__(
        self, shop: Shop, pods: DemoPods, library: ClientLibrary, auth: AuthSettings, parts: Mapping[str, str]
    ) -> None:
        self._shop = shop
        self._pods = pods
        self._library = library
        self._auth = auth
        self._parts = parts

    def app(self) -> Starlette:
        """Make the application."""
        return Starlette(
            routes=[
                Route("/", self._html),
                Route("/demo/socket.io.min.js", self._script),
                Route("/demo/config", self._config),
                Route("/demo/pods", self._pods_now),
                Route("/demo/order", self._place_order, methods=["POST"]),
                Route("/demo/order/change", self._change_order, methods=["POST"]),
                Route("/demo/stock", self._set_stock, methods=["POST"]),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED_HOSTS)],
            exception_handlers={ValidationError: _tell_invalid, KafkaUnavailable: _tell_unavailable},
        )

    async def _html(self, _: Request) -> Response:
        html = files("realtime.demo").joinpath("storefront.html").read_bytes()
        return Response(html, media_type="text/html", headers=UNCACHED)

    async def _script(self, _: Request) -> Response:
        if self._library.script is None:
            return Response(self._library.problem, 404, media_type="text/plain")
        return Response(self._library.script, media_type="text/javascript", headers=UNCACHED)

    async def _config(self, _: Request) -> Response:
        config = {
            "parts": dict(self._parts),
            "missingClient": self._library.problem,
            "people": [
                {"userId": who.user_id, "isAdmin": who.is_admin, "token": who.token(self._auth)} for who in EVERYBODY
            ],
            "products": [{to_camel(name): value for name, value in asdict(product).items()} for product in PRODUCTS],
        }
        return JSONResponse(config, headers=UNCACHED)

    async def _pods_now(self, _: Request) -> Response:
        pods = [
            {
                "name": pod.name,
                "podId": pod.pod_id,
                "pid": pod.child.pid,
                "isRunning": pod.child.is_running,
                "isReady": pod.is_ready,
            }
            for pod in self._pods
        ]
        return JSONResponse(pods, headers=UNCACHED)

    async def _place_order(self, request: Request) -> Response:
        body = PlaceOrder.model_validate_json(await _body_of(request))
        return _tell_published(await self._shop.place_order(body.buyer_id))

    async def _change_order(self, request: Request) -> Response:
        body = ChangeOrder.model_validate_json(await _body_of(request))
        if body.action == "ship":
            return _tell_published(await self._shop.update_order(body.order_id, body.buyer_id, "shipped", "pending"))
        return _tell_published(await self._shop.cancel_order(body.order_id, body.buyer_id))

    async def _set_stock(self, request: Request) -> Response:
        body = SetStock.model_validate_json(await _body_of(request))
        product = next(product for product in PRODUCTS if product.product_id == body.product_id)
        return _tell_published(await self._shop.set_stock(product, body.stock))


async def _body_of(request: Request) -> bytes:
    # A stranger's page can send forms and text here, but JSON only after asking, which nobody grants it.
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(415, "The body must be application/json.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise HTTPException(413, f"A body has at most {BODY_MAX_BYTES} bytes.")
    return body


def _tell_published(published: Published) -> Response:
    where = {"topic": published.topic, "partition": published.partition, "offset": published.offset}
    return JSONResponse({"about": published.about, "eventId": published.event_id, **where}, 201)


async def _tell_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    problems = [f"{'.'.join(map(str, e['loc'])) or 'the body'}: {e['msg']}" for e in error.errors(include_url=False)]
    return JSONResponse({"message": "; ".join(problems)}, 422)


async def _tell_unavailable(_: Request, error: Exception) -> Response:
    return JSONResponse({"message": str(error)}, 503)
