"""Where python-engineio and python-socketio are not used as they come, and why.

Everything that is overridden is listed in `tests/unit/transports/test_overrides.py` with a fingerprint of the library's
code, so that an upgrade that changes what we rely on is noticed before users notice it. What these libraries let
everybody replace stands elsewhere: the client manager in `local.py` and `manager.py`, the packet in `packets.py`.
"""

from functools import partial
from typing import Any, Final

import engineio
import socketio
from engineio.packet import MESSAGE, Packet
from socketio import packet

from realtime.transports.engineio import frames, packets
from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.engine import Engine
from realtime.transports.engineio.frames import ProtocolViolation
from realtime.transports.engineio.hub import Reason, State
from realtime.transports.engineio.outbox import Audience
from realtime.transports.engineio.polling import PollingApp
from realtime.transports.socketio.packets import StrictPacket

# CONNECT packets after which a connection is closed; a stock client sends one for each try of its user.
MAX_CONNECT_ATTEMPTS: Final = 100


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    """python-engineio's API over our connections.

    Its sockets keep five tasks and forty kilobytes each, copy each packet into a queue of each socket, and follow the
    protocol loosely; only what applications call is left of it.
    """

    def __init__(self, core: Engine, **options: Any) -> None:
        super().__init__(monitor_clients=False, **options)  # the wheel does that
        self._core = core
        self.sockets = core.connections

    def _get_socket(self, sid: str) -> Connection:
        # The stock one asks for `closed`, and forgets sockets itself.
        connection = self._core.connections.get(sid)
        if connection is None or connection.state is not State.OPEN:
            raise KeyError("Session not found")
        return connection

    async def send_packet(self, sid: str, pkt: Packet) -> None:
        """Write in order with all that was written before, in the outbox's time."""
        connection = self._core.connections.get(sid)
        if connection is None:
            return  # the stock one logs a line for each
        if pkt.packet_type == MESSAGE and isinstance(pkt.data, str | bytes):
            frame = packets.message_frame(pkt.data)
        else:
            frame = frames.encode_frame(frames.TEXT, pkt.encode().encode())
        self._core.outbox.put(Audience((connection,)), frame)

    async def get_session(self, sid: str) -> dict[str, Any]:
        """Made when it is first asked for; most connections never are."""
        connection = self._get_socket(sid)
        if connection.session is None:
            connection.session = {}
        return connection.session

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one connection, or all."""
        for connection in list(self._core.connections.values()):
            if sid in {None, connection.sid}:
                connection.close(Reason.SERVER_DISCONNECT, last=packets.CLOSE_FRAME)

    def transport(self, sid: str) -> str:
        """The stock one asks for `upgraded`."""
        return "websocket" if self._get_socket(sid).is_websocket else "polling"

    async def handle_request(self, *arguments: Any, **_: Any) -> None:
        """Serve polling under `socketio.ASGIApp`; websockets need uvicorn with `http_protocol`."""
        await PollingApp(self._core)(*arguments)


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """python-socketio's server on our engine; see `engine.Application`."""

    def __init__(self, core: Engine, **options: Any) -> None:
        self._core = core
        self._attempts: dict[str, int] = {}
        self.slow_notice = b""  # the packet that tells a client that it was too slow
        self.manager_initialized = False
        super().__init__(serializer=StrictPacket, **options)
        core.attach(self)

    def _engineio_server_class(self) -> Any:
        return partial(EngineServer, self._core)

    # -- what the engine tells --------------------------------------------------------------------------------------

    def on_open(self, connection: Connection, environ: dict[str, Any]) -> None:
        """As `_handle_eio_connect`, without a coroutine."""
        if not self.manager_initialized:
            self.manager_initialized = True
            self.manager.initialize()
        self.environ[connection.sid] = environ

    async def on_message(self, connection: Connection, message: str | bytes) -> None:
        """See `Application`."""
        await self._handle_eio_message(connection.sid, message)

    async def on_close(self, connection: Connection, reason: str) -> None:
        """See `Application`."""
        self._attempts.pop(connection.sid, None)
        self._binary_packet.pop(connection.sid, None)
        await self._handle_eio_disconnect(connection.sid, reason)

    def on_slow(self, connection: Connection) -> None:
        """See `Application`."""
        frame = packets.text_frame(self.slow_notice) if self.slow_notice else b""
        connection.close(Reason.SLOW_CLIENT, frames.TRY_AGAIN_LATER, "Messages waited too long.", frame)

    # -- what python-socketio does otherwise ------------------------------------------------------------------------

    async def _send_packet(self, eio_sid: str, pkt: packet.Packet) -> None:
        # The stock one waits for a queue, and makes a packet around the packet.
        connection = self._core.connections.get(eio_sid)
        if connection is not None:
            if pkt.packet_type == packet.CONNECT:
                pid = self.manager.pid_of(pkt.data["sid"], pkt.namespace)
                pkt.data |= {} if pid is None else {"pid": pid}
            encoded = pkt.encode()
            audience = Audience((connection,))
            for part in [encoded] if isinstance(encoded, str) else encoded:
                self._core.outbox.put(audience, packets.message_frame(part))

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        # The stock one logs a trace for each packet that is none, and goes on; the JavaScript server closes.
        try:
            received = self._read_packet(eio_sid, data)
        except ValueError as error:
            raise ProtocolViolation(frames.POLICY_VIOLATION, str(error)) from None
        if received is None:
            return
        namespace = received.namespace or "/"
        is_there = self.manager.sid_from_eio_sid(eio_sid, namespace) is not None
        match received.packet_type:
            case packet.CONNECT if not is_there:
                await self._handle_connect(eio_sid, namespace, received.data)
            case packet.CONNECT:
                raise ProtocolViolation(frames.POLICY_VIOLATION, "This namespace is connected already.")
            case packet.DISCONNECT:
                await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
            case _ if not is_there:
                raise ProtocolViolation(frames.POLICY_VIOLATION, "This namespace is not connected.")
            case packet.EVENT | packet.BINARY_EVENT:
                await self._handle_event(eio_sid, namespace, received.id, received.data)
            case _:
                await self._handle_ack(eio_sid, namespace, received.id, received.data)

    def _read_packet(self, eio_sid: str, data: str | bytes) -> StrictPacket | None:
        waiting: StrictPacket | None = self._binary_packet.get(eio_sid)
        if waiting is None:
            if isinstance(data, bytes):
                raise ValueError("No packet announced an attachment.")
            received = StrictPacket(encoded_packet=data) if data else None
            if received is None:
                raise ValueError("A packet is empty.")
            if not received.attachment_count:
                return received
            if self.manager.sid_from_eio_sid(eio_sid, received.namespace or "/") is None:
                raise ValueError("This namespace is not connected.")
            self._binary_packet[eio_sid] = received
            return None
        if isinstance(data, str):
            raise ValueError("An attachment was announced, and text has come.")  # noqa: TRY004 - see its caller
        if not waiting.add_attachment(data):
            return None
        del self._binary_packet[eio_sid]
        return waiting

    async def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        attempts = self._attempts[eio_sid] = self._attempts.get(eio_sid, 0) + 1
        if attempts > MAX_CONNECT_ATTEMPTS:
            raise ProtocolViolation(frames.POLICY_VIOLATION, "Too many attempts to connect.")
        known = {*self.namespaces, *self.handlers, *self.namespace_handlers}
        if namespace not in known and "*" not in known:
            # In the words of the JavaScript server, which the protocol's tests look for.
            refusal = self.packet_class(packet.CONNECT_ERROR, {"message": "Invalid namespace"}, namespace)
            await self._send_packet(eio_sid, refusal)
            return
        await super()._handle_connect(eio_sid, namespace, data)
        if self.manager.sid_from_eio_sid(eio_sid, namespace) is not None and len(known) == 1:
            # The request's headers are kilobytes, and hold the token. No other namespace will ask for them.
            self.environ[eio_sid] = {}

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        # The stock one takes an event that a client has named `*` for the handler of all others, whose first argument
        # is then missing, and the client's own words stand where the session's id should.
        if event == "*":
            args = (event, *args)
        return await super()._trigger_event(event, namespace, *args)
