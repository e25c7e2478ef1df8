"""python-socketio, put together our way."""

from typing import Final

import socketio

from realtime.settings import HttpSettings, SocketSettings
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.sids import new_sid

SOCKETIO_PATH = "socket.io"
# Of one packet; what has come of a packet waits in memory for the rest. The same limit as socket.io-parser's.
MAX_ATTACHMENTS: Final = 10


class LimitedPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet that may not announce any number of binary attachments."""

    def decode(self, encoded_packet: str) -> int:
        """Read a packet; how many attachments follow. Raises `ValueError`."""
        attachments = int(super().decode(encoded_packet) or 0)
        if attachments > MAX_ATTACHMENTS:
            raise ValueError(f"A packet may have {MAX_ATTACHMENTS} attachments.")
        return attachments


def make_socketio_server(
    manager: BrokerManager, pod_id: str, http: HttpSettings, sockets: SocketSettings
) -> socketio.AsyncServer:
    """Make the Socket.IO server of a pod."""
    origins: str | list[str] | None = list(http.cors_origins) or None  # None: the same origin alone
    if "*" in http.cors_origins:
        origins = "*"
    server = socketio.AsyncServer(
        async_mode="asgi",
        client_manager=manager,
        # One after the other for each socket: commands keep their order, and a flood waits in its own connection.
        async_handlers=False,
        cors_allowed_origins=origins,
        ping_interval=sockets.ping_interval_seconds,
        ping_timeout=sockets.ping_timeout_seconds,
        max_http_buffer_size=sockets.message_max_bytes,
        http_compression=False,
        serializer=LimitedPacket,
    )
    # Documented to be replaced; see `sids` for why.
    server.eio.generate_id = lambda: new_sid(pod_id)
    return server
