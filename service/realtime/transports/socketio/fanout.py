"""One packet, many sockets. The seam where the fast socket path goes: it knows Engine.IO, and nobody else does."""

from collections.abc import Iterable

import engineio
from engineio import packet as eio_packet

from realtime.settings import SocketSettings


class Fanout:
    """Writes packets to this pod's sockets."""

    def __init__(self, engine: engineio.AsyncServer, settings: SocketSettings) -> None:
        self._engine = engine
        self._waiting_max_messages = settings.waiting_max_messages

    def write(self, eio_sids: Iterable[str], packets: Iterable[str | bytes]) -> tuple[int, list[str]]:
        """Write a message (one packet, or more with binary attachments) to sockets, in order with all before it.

        Returns how many sockets took it, and the ids of those that have too much waiting already.
        """
        # Encoded once: engine.io's packet keeps its encoded form. Binary has two, for websockets and for polling.
        encoded = [packet if isinstance(packet, bytes) else _message(packet) for packet in packets]
        written, slow = 0, []
        for eio_sid in eio_sids:
            socket = self._engine.sockets.get(eio_sid)
            if socket is None or socket.closed or socket.closing:
                continue
            if socket.queue.qsize() >= self._waiting_max_messages:
                slow.append(eio_sid)
                continue
            for packet in encoded:
                socket.queue.put_nowait(_message(packet) if isinstance(packet, bytes) else packet)
            written += 1
        return written, slow

    def holds(self, eio_sid: str) -> bool:
        """Whether the connection is open."""
        socket = self._engine.sockets.get(eio_sid)
        return socket is not None and not socket.closed and not socket.closing

    async def close(self, eio_sid: str) -> None:
        """Close a connection after what waits in it has been written; its client comes back by itself.

        Without Engine.IO's CLOSE packet: python-socketio's client takes that for a goodbye, and does not come back.
        """
        socket = self._engine.sockets.get(eio_sid)
        if socket is not None and not socket.closed:
            await socket.close(wait=False, abort=True)
            socket.queue.put_nowait(None)  # ends the websocket's writer, which closes the websocket


def _message(packet: str | bytes) -> eio_packet.Packet:
    return eio_packet.Packet(eio_packet.MESSAGE, packet)
