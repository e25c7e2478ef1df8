"""What pods say to each other about rooms and sessions, and how it is written.

{"kind":"emit","origin":"b7Hq1xYc","namespace":"/","room":"user:42", ...}
"""

from typing import Annotated, Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from socketio import packet

log = structlog.get_logger(__name__)


class _Signal(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    origin: str  # the pod that says it


class Emit(_Signal):
    """Write finished packets (text, then its binary attachments) to a room's members.

    With `reply_to`, the ack id at the origin, the one session that `room` names is asked for an ack.
    """

    kind: Literal["emit"] = "emit"
    namespace: str
    room: str | None
    text: str
    attachments: tuple[bytes, ...] = ()
    except_rooms: tuple[str, ...] = ()
    skip_sids: tuple[str, ...] = ()
    reply_to: int | None = None

    @property
    def packets(self) -> list[str | bytes]:
        """What is written to a socket, in this order."""
        return [self.text, *self.attachments]


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


Signal = Emit | Reply | EnterRoom | LeaveRoom | CloseRoom | Disconnect
_signals: TypeAdapter[Signal] = TypeAdapter(Annotated[Signal, Field(discriminator="kind")])


def encode_signal(signal: Signal) -> bytes:
    """Write a signal as JSON."""
    return signal.model_dump_json().encode()


def decode_signal(signal: bytes) -> Signal | None:
    """Read a signal; None, and a line in the log, for one that only a newer version knows."""
    try:
        return _signals.validate_json(signal)
    except ValidationError:
        log.exception("unreadable_signal", signal=signal[:200])
        return None


def split_packet(unsent: packet.Packet) -> tuple[str, tuple[bytes, ...]]:
    """Encode a Socket.IO packet: its text, and its binary attachments."""
    encoded = unsent.encode()
    if isinstance(encoded, str):
        return encoded, ()
    text, *attachments = encoded
    return text, tuple(attachments)


def join_packet(text: str, attachments: tuple[bytes, ...]) -> list[Any]:
    """Read the arguments of a packet that `split_packet` has encoded; of an event, the first is its name."""
    received = packet.Packet(encoded_packet=text)
    for attachment in attachments:
        received.add_attachment(attachment)
    return list(received.data or [])
