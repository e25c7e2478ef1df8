"""The code of others that we override or lean on is the code that we read when we did so.

When this fails after an upgrade: read what has changed in the named function, see whether what we do instead (in
`transports/socketio/overrides.py`, `local.py` and `transports/engineio/http.py`) still fits, and write the new
fingerprint here.
"""

import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import engineio
import engineio.base_server
import pytest
import socketio
import socketio.async_manager
import socketio.base_manager
import socketio.base_server
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from realtime.transports.engineio.http import _EngineHttpProtocol
from realtime.transports.socketio.local import LocalManager
from realtime.transports.socketio.overrides import EngineServer, SocketServer
from realtime.transports.socketio.packets import StrictPacket

BaseServer, Server, Manager = socketio.base_server.BaseServer, socketio.AsyncServer, socketio.AsyncManager
BaseEngine, Engine, Packet = engineio.base_server.BaseServer, engineio.AsyncServer, socketio.packet.Packet

FINGERPRINTS: dict[Callable[..., Any], tuple[str, str]] = {
    Engine._get_socket: ("ae2f99e66d63", "EngineServer is its API over our connections."),
    Engine.send_packet: ("c54317440865", "EngineServer is its API over our connections."),
    Engine.get_session: ("db9559853d60", "EngineServer is its API over our connections."),
    Engine.disconnect: ("8bb6448caae4", "EngineServer is its API over our connections."),
    Engine.transport: ("b89092fc46ae", "EngineServer is its API over our connections."),
    Engine.handle_request: ("1a8c878e3516", "EngineServer is its API over our connections."),
    Server._engineio_server_class: ("199c42bf1492", "SocketServer does this otherwise."),
    Server._send_packet: ("a00022b42c1c", "SocketServer does this otherwise."),
    Server._handle_eio_message: ("bef50fc0e163", "SocketServer does this otherwise."),
    Server._handle_connect: ("c97c480cf777", "SocketServer does this otherwise."),
    Manager.trigger_callback: ("9cf95a1d1a3a", "LocalManager keeps rooms otherwise."),
    Manager.get_namespaces: ("0fa9a93d8a3d", "LocalManager keeps rooms otherwise."),
    Manager.get_participants: ("7d78ad681c95", "LocalManager keeps rooms otherwise."),
    Manager.is_pre_connected: ("40a897c4ab2c", "LocalManager keeps rooms otherwise."),
    Manager.is_connected: ("d37721466718", "LocalManager keeps rooms otherwise."),
    Manager.sid_from_eio_sid: ("15467098a36b", "LocalManager keeps rooms otherwise."),
    Manager.eio_sid_from_sid: ("b0c0aeb5430d", "LocalManager keeps rooms otherwise."),
    Manager.pre_connect: ("84f2cdf2a4dd", "LocalManager keeps rooms otherwise."),
    Manager.connect: ("f505d3077052", "LocalManager keeps rooms otherwise."),
    Manager.pre_disconnect: ("18a8d01ed87a", "LocalManager keeps rooms otherwise."),
    Manager.basic_disconnect: ("2933b50bc4b2", "LocalManager keeps rooms otherwise."),
    Manager.is_sid_room: ("e9a9393a969c", "LocalManager keeps rooms otherwise."),
    Manager.basic_enter_room: ("3f509586d2d7", "LocalManager keeps rooms otherwise."),
    Manager.basic_leave_room: ("e27f3eea06d1", "LocalManager keeps rooms otherwise."),
    Manager.basic_close_room: ("1d81a80fe1ca", "LocalManager keeps rooms otherwise."),
    Manager.get_rooms: ("56a1017f85af", "LocalManager keeps rooms otherwise."),
    Packet.decode: ("61ad7904b539", "StrictPacket reads strictly."),
    uvicorn.Server.shutdown: ("9b33c5056299", "DrainingServer drains before it."),
    HttpToolsProtocol.connection_made: ("6efb565ff3d3", "A websocket of ours leaves it here, or it gets a deadline."),
    HttpToolsProtocol._get_upgrade: ("7b1305aac7b8", "It takes one word where the RFC has a list."),
    HttpToolsProtocol.pause_writing: ("17a8fd215d96", "It gets a deadline, too."),
    HttpToolsProtocol.resume_writing: ("7844bbaa8cce", "It gets a deadline, too."),
    HttpToolsProtocol.on_response_complete: ("64e254f28e38", "It begins the next request."),
    HttpToolsProtocol.on_url: ("37be44e962b0", "We measure the head there."),
    HttpToolsProtocol.on_header: ("65d62c044f61", "We measure the head there."),
    HttpToolsProtocol.send_400_response: ("ae5a4a3782b6", "It answers what the parser refuses."),
    HttpToolsProtocol.on_message_begin: ("96d377fdc7c2", "A websocket of ours leaves it here, or it gets a deadline."),
    HttpToolsProtocol.on_message_complete: (
        "1fbad42dc31f",
        "A websocket of ours leaves it here, or it gets a deadline.",
    ),
    HttpToolsProtocol.connection_lost: ("c91a4c9bf2e2", "A websocket of ours leaves it here, or it gets a deadline."),
    HttpToolsProtocol.data_received: ("010a7ae59a5d", "A websocket of ours leaves it here, or it gets a deadline."),
    HttpToolsProtocol.handle_websocket_upgrade: (
        "179c4f769386",
        "A websocket of ours leaves it here, or it gets a deadline.",
    ),
    Engine.send: ("ff1fdb18f1c3", "It calls send_packet()."),
    Engine.save_session: ("cd289c452146", "It sets the connection's session."),
    BaseServer.__init__: (
        "6b998e091b34",
        "It makes the engine with _engineio_server_class(), and keeps environ and _binary_packet.",
    ),
    Server._handle_event: ("65178105ef8b", "Our packets end there."),
    Server._handle_event_internal: ("472e8b723a12", "It answers with _send_packet()."),
    Server._handle_disconnect: ("c0b32ada5b37", "Each namespace of a closed connection ends there."),
    Server._handle_ack: ("b7521c6c3097", "It calls trigger_callback()."),
    Server._handle_eio_disconnect: ("9344593148b6", "on_close() calls it."),
    Server.emit: ("84391bfd6241", "It calls the manager's emit()."),
    Server._trigger_event: ("01ba90cfa09b", "Handlers are called there."),
    Packet.__init__: ("5fe2fa797e08", "It calls decode()."),
    Packet.encode: ("513c45be7518", "Acks are written with it."),
    Packet.add_attachment: ("01e024038f3d", "It calls reconstruct_binary()."),
    HttpToolsProtocol.__init__: ("4f0899941034", "We let go of what it keeps."),
    HttpToolsProtocol._should_upgrade: ("8fcad1ab8e09", "It decides which requests come to us."),
    HttpToolsProtocol.on_headers_complete: ("1ea8589acfad", "It leaves upgrades alone, and makes the cycle."),
    RequestResponseCycle.send: ("abdd8601b326", "It writes an answer's head, and then its body."),
}


def fingerprint(function: Callable[..., Any]) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


@pytest.mark.parametrize("function", FINGERPRINTS, ids=lambda function: function.__qualname__)
def test_what_we_rely_on_has_not_changed(function: Callable[..., Any]) -> None:
    library = {"engineio": "python-engineio", "socketio": "python-socketio"}.get(
        function.__module__.partition(".")[0], function.__module__.partition(".")[0]
    )
    wanted, why = FINGERPRINTS[function]
    assert fingerprint(function) == wanted, (
        f"{library} {version(library)} has changed {function.__qualname__}, on which we rely: {why} "
        f"Read the change, see the docstring of this file, then note the new fingerprint {fingerprint(function)!r}."
    )


# What these classes define themselves, beside what only they have.
OVERRIDING = [
    (EngineServer, Engine),
    (SocketServer, Server),
    (LocalManager, Manager),
    (StrictPacket, Packet),
    (_EngineHttpProtocol, HttpToolsProtocol),
]


def inherited(ours: type, theirs: type) -> list[str]:
    """Names of functions that our class defines in place of the library's."""
    return [
        name
        for name, value in vars(ours).items()
        if inspect.isfunction(value) and name != "__init__" and inspect.isfunction(getattr(theirs, name, None))
    ]


@pytest.mark.parametrize(("ours", "theirs"), OVERRIDING, ids=lambda value: value.__name__)
def test_each_override_has_its_fingerprint(ours: type, theirs: type) -> None:
    known = {function.__qualname__ for function in FINGERPRINTS}
    missing = [name for name in inherited(ours, theirs) if getattr(theirs, name).__qualname__ not in known]
    assert missing == []


@pytest.mark.parametrize(("ours", "theirs"), OVERRIDING, ids=lambda value: value.__name__)
def test_an_override_takes_what_the_original_takes(ours: type, theirs: type) -> None:
    for name in inherited(ours, theirs):
        wanted, given = inspect.signature(getattr(theirs, name)), inspect.signature(getattr(ours, name))
        if any(p.kind is p.VAR_POSITIONAL for p in given.parameters.values()):
            continue
        required = [p.name for p in wanted.parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        assert len(given.parameters) >= len(required), name
