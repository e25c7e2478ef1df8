"""What pods say to each other about rooms and sessions, and how it is written: JSON, and behind it an emit's packet.

{"kind":"emit","origin":"b7Hq1xYc","namespace":"/","room":"user:42"}
2["hello",{"to":"you"}]
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from socketio import packet

log = structlog.get_logger(__name__)


class _Signal(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    origin: str  # the pod that says it


@dataclass(slots=True)
class Emit:
    """Write a finished packet (text, then its binary attachments) to a room's members.

    With `reply_to`, the ack id at the origin, the one session that `room` names is asked for an ack.
    """

    kind = "emit"
    origin: str
    namespace: str
    room: str | None
    text: bytes
    attachments: tuple[bytes, ...] = ()
    except_rooms: tuple[str, ...] = ()
    skip_sids: tuple[str, ...] = ()
    reply_to: int | None = None


class Reply(_Signal):
    """A client's ack, on its way back to the pod that asked: the packet's text and attachments."""

    kind: Literal["reply"] = "reply"
    sid: str
    ack_id: int
    text: str
    attachments: tuple[bytes, ...] = ()


class EnterRoom(_Signal):
    """Put a session of yours into a room; reply, without arguments, once it receives what comes there."""

    kind: Literal["enter_room"] = "enter_room"
    sid: str
    namespace: str
    room: str
    reply_to: int


class LeaveRoom(_Signal):
    """Take a session of yours out of a room."""

    kind: Literal["leave_room"] = "leave_room"
    sid: str
    namespace: str
    room: str


class CloseRoom(_Signal):
    """Take all your sessions out of a room; its origin waits until it hears this itself."""

    kind: Literal["close_room"] = "close_room"
    namespace: str
    room: str
    reply_to: int


class Disconnect(_Signal):
    """Disconnect a session of yours."""

    kind: Literal["disconnect"] = "disconnect"
    sid: str
    namespace: str


class Supersede(_Signal):
    """Close a session of yours: its client has come back elsewhere. If it has not, it comes back now."""

    kind: Literal["supersede"] = "supersede"
    sid: str


Signal = Emit | Reply | EnterRoom | LeaveRoom | CloseRoom | Disconnect | Supersede
_RareSignal = Reply | EnterRoom | LeaveRoom | CloseRoom | Disconnect | Supersede
_rare_signals: TypeAdapter[_RareSignal] = TypeAdapter(Annotated[_RareSignal, Field(discriminator="kind")])
_EMIT: Final = b'{"kind":"emit"'


def encode_signal(signal: Signal) -> bytes:
    """Write a signal."""
    if not isinstance(signal, Emit):
        return signal.model_dump_json().encode()
    # By hand, for it is the one that comes by the thousand.
    head: dict[str, Any] = {
        "kind": "emit",
        "origin": signal.origin,
        "namespace": signal.namespace,
        "room": signal.room,
    }
    if signal.attachments:
        head["attachments"] = [base64.b64encode(attachment).decode() for attachment in signal.attachments]
    if signal.except_rooms:
        head["except_rooms"] = signal.except_rooms
    if signal.skip_sids:
        head["skip_sids"] = signal.skip_sids
    if signal.reply_to is not None:
        head["reply_to"] = signal.reply_to
    return b"%b\n%b" % (orjson.dumps(head), signal.text)


def decode_signal(signal: bytes) -> Signal | None:
    """Read a signal; None, and a line in the log, for one that only a newer version knows."""
    try:
        if signal.startswith(_EMIT):
            return _read_emit(signal)
        return _rare_signals.validate_json(signal)
    except (ValidationError, ValueError, KeyError):
        log.exception("unreadable_signal", signal=signal[:200])
        return None


def _read_emit(signal: bytes) -> Emit:
    line, newline, text = signal.partition(b"\n")
    head = orjson.loads(line)
    emit = Emit(head["origin"], head["namespace"], head["room"], text)
    if not newline or not isinstance(emit.origin, str) or not isinstance(emit.namespace, str):
        raise ValueError("a field of an emit is missing, or is not a text")
    if emit.room is not None and not isinstance(emit.room, str):
        raise ValueError("the room of an emit is not a text")
    if len(head) > 4:
        emit.except_rooms, emit.skip_sids = _texts(head.get("except_rooms", [])), _texts(head.get("skip_sids", []))
        emit.attachments = tuple(_from_base64(attachment) for attachment in _texts(head.get("attachments", [])))
        emit.reply_to = head.get("reply_to")
        if not isinstance(emit.reply_to, int | None):
            raise ValueError("the id of the ack that an emit asks for is not a number")
    if not text.isascii():
        text.decode()  # browsers close a websocket on which text comes that is not UTF-8
    return emit


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a field of an emit is not a list of texts")
    return tuple(value)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("an attachment is not Base64") from error


def encode_event(namespace: str, event: Sequence[Any], ack_id: int | None = None) -> tuple[bytes, tuple[bytes, ...]]:
    """Write an event: its packet's text, and its binary attachments. Raises `TypeError` for what is no JSON."""
    try:
        arguments = orjson.dumps(event)
    except TypeError:  # it has binary parts, or what only the standard library writes
        text, attachments = split_packet(packet.Packet(packet.EVENT, list(event), namespace, id=ack_id))
        return text.encode(), attachments
    place = b"" if namespace == "/" else b"%b," % namespace.encode()
    return b"2%b%b%b" % (place, b"" if ack_id is None else b"%d" % ack_id, arguments), ()


def placed_packet(event: bytes, cursor: str) -> bytes:
    """Add a cursor to an event as its last argument, as the JavaScript server does for clients that recover."""
    return b'%b,"%b"]' % (event[:-1], cursor.encode())


def split_packet(unsent: packet.Packet) -> tuple[str, tuple[bytes, ...]]:
    """Encode a Socket.IO packet: its text, and its binary attachments."""
    encoded = unsent.encode()
    if isinstance(encoded, str):
        return encoded, ()
    text, *attachments = encoded
    return text, tuple(bytes(attachment) for attachment in attachments)


def join_packet(text: str, attachments: tuple[bytes, ...]) -> list[Any]:
    """Read the arguments of a packet that `split_packet` has encoded; of an event, the first is its name."""
    received = packet.Packet(encoded_packet=text)
    for attachment in attachments:
        received.add_attachment(attachment)
    return list(received.data or [])
