"""python-socketio, put together our way."""

from collections.abc import Mapping
from typing import Any, Final

from realtime.limits.admission import AdmissionQueue
from realtime.protocol.disconnects import SLOW_CLIENT, Closing
from realtime.settings import HttpSettings, SocketSettings
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio.engine import Engine
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.overrides import SocketServer
from realtime.transports.socketio.sids import new_sid
from realtime.transports.socketio.signals import encode_event

SOCKETIO_PATH: Final = "socket.io"


def make_engine(
    pod_id: str,
    http: HttpSettings,
    sockets: SocketSettings,
    metrics: Metrics,
    max_connections: int,
    max_strangers: int | None = None,
    handshakes: AdmissionQueue | None = None,
) -> Engine:
    """Make what holds the connections of a pod; `max_strangers` of them have not said yet who they are.

    `handshakes`: how many may begin at a time; None: any number.
    """
    strangers = max_connections if max_strangers is None else max_strangers
    return Engine(
        SOCKETIO_PATH, http, sockets, max_connections, strangers, lambda: new_sid(pod_id), metrics, handshakes
    )


def make_socketio_server(manager: BrokerManager, pod_id: str, engine: Engine) -> SocketServer:
    """Make the Socket.IO server of a pod."""
    server = SocketServer(
        engine,
        async_mode="asgi",
        client_manager=manager,
        # One after the other for each socket: commands keep their order, and a flood waits in its own connection.
        async_handlers=False,
    )
    # Documented to be replaced; see `sids` for why.
    server.eio.generate_id = lambda: new_sid(pod_id)
    server.slow_notice, _ = encode_event("/", ["connection:closing", notice_of(SLOW_CLIENT)])
    return server


def notice_of(closing: Closing) -> Mapping[str, Any]:
    """What a client is told before its connection is closed."""
    return {"code": closing.code, "message": closing.message, "retryable": closing.retryable}
