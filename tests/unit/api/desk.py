"""The REST application with all that it stands on, except a network and Redis."""

import json
from typing import Any

import httpx

from parts.tokens import Issuer
from realtime.api.app import make_api
from realtime.api.health import Health
from realtime.broker.base import Broker
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.delivery.publisher import Publisher
from realtime.gateway.sessions import Sessions
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import TokenVerifier
from realtime.presence.base import PodDirectory, Presence
from realtime.presence.memory import MemoryPodDirectory
from realtime.presence.memory_devices import MemoryPresence, MemoryPresenceHub
from realtime.routing.routes import Router
from realtime.settings import AuthSettings, HistorySettings, HttpSettings, LimitSettings, PresenceSettings
from realtime.telemetry.metrics import Metrics
from unit.fakes import FakeAttachment, FakeClock, a_breaker
from unit.packets import read_packet

ISSUER = Issuer.hs256()
BODY_MAX_BYTES = 4_096
SERVICE = ISSUER.token("svc", "service")
ADMIN = ISSUER.token("root", "admin")
USER = ISSUER.token("u-42", "buyer")

HEALTH = Health(pod_id="b7Hq1xYc", pod_name="pod-1", version="1.2.3", is_ready=True, checks={"redis": "ok"})

Published = list[tuple[str, list[str], dict[str, Any]]]


class Desk:
    """Where services and admins ask for things over HTTP, and what was published for them."""

    def __init__(
        self,
        *,
        broker: Broker | None = None,
        directory: PodDirectory | None = None,
        presence: Presence | None = None,
        router: Any = None,
        cors_origins: tuple[str, ...] = (),
        insecure: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.hub = MemoryHub(HistorySettings(), self.clock)
        self.health = HEALTH
        self.refreshed = 0
        auth = AuthSettings(
            secret=ISSUER.verification_key,
            issuer=ISSUER.name,
            audience=ISSUER.audience,
            insecure_development_mode=insecure,
        )
        hub = MemoryPresenceHub(PresenceSettings(), HistorySettings(), self.clock)
        self.presence = presence or MemoryPresence(hub, lambda: None)
        stats = Stats(
            Sessions(LimitSettings()),
            FakeAttachment(),
            directory or MemoryPodDirectory(self.clock),
            self.presence,
            self.clock,
        )
        api = make_api(
            HttpSettings(body_max_bytes=BODY_MAX_BYTES, cors_origins=cors_origins),
            TokenVerifier(auth, self.metrics),
            stats,
            Publisher(broker or MemoryBroker(self.hub, "pod"), a_breaker(failures=1_000_000), self.metrics),
            router or Router(low_stock_threshold=10),
            self.clock,
            self.metrics,
            lambda: self.health,
            self._refresh,
        )
        # As a server does: what the app raises is answered, and not raised here.
        transport = httpx.ASGITransport(api, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://pod")

    def begin_anew(self) -> None:
        """Forget what was published and asked for, but not what was counted: making the application takes a while."""
        self.hub.histories.clear()
        self.hub.used_keys.clear()
        self.clock.start_anew()
        self.health = HEALTH
        self.refreshed = 0

    async def _refresh(self) -> None:
        self.refreshed += 1

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, method: str, path: str, token: str | None = None, **request: Any) -> httpx.Response:
        headers = dict(request.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self._client.request(method, path, headers=headers, **request)

    async def post(self, path: str, body: object, token: str | None = SERVICE, **headers: str) -> httpx.Response:
        """Post JSON; bytes are sent as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.ask(
            "POST", path, token, content=content, headers={"Content-Type": "application/json", **headers}
        )

    @property
    def published(self) -> Published:
        """Name, rooms and data of each message that was published, in order."""
        rooms: dict[int, list[str]] = {}
        packets: dict[int, bytes] = {}
        for room, deliveries in self.hub.histories.items():
            for delivery in deliveries:
                rooms.setdefault(delivery.offset, []).append(room)
                packets[delivery.offset] = delivery.packet
        read = {offset: read_packet(packet) for offset, packet in sorted(packets.items())}
        return [(name, rooms[offset], data) for offset, (name, data) in read.items()]


def read_problem(response: httpx.Response) -> dict[str, Any]:
    """Read a problem, and check that it is one (RFC 9457)."""
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert problem["type"] == "about:blank"
    assert problem["status"] == response.status_code
    assert all(isinstance(problem[member], str) for member in ("type", "title", "detail", "code"))
    return problem
