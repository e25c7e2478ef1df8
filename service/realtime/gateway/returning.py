"""What a client brings along to go on where it broke off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from realtime.broker.place import Cursor
from realtime.errors import InvalidCommand
from realtime.protocol.commands import MAX_OFFSET_CHARACTERS

INVALID_PID: Final = "invalid_pid"
INVALID_OFFSET: Final = "invalid_offset"
PROBLEMS: Final = (INVALID_PID, INVALID_OFFSET)


@dataclass(frozen=True, slots=True)
class Return:
    """`wants_places`: it keeps the place of each message, and comes back with it. `cursor`: the last one that it kept.

    `pid`: of the session that it was; `problem`: why what it brought cannot be used.
    """

    wants_places: bool = False
    pid: str | None = None
    cursor: Cursor | None = None
    problem: str | None = None

    @property
    def goes_by_places(self) -> bool:
        """Whether it asks for its rooms itself, each with the place up to which it knows it."""
        return self.pid is None and self.cursor is not None

    @property
    def is_one(self) -> bool:
        """Whether it has been here before, or says so."""
        return self.pid is not None or self.cursor is not None or self.problem is not None


def read_return(auth: object) -> Return:
    """Read `recovery`, `pid` and `offset` from what a client connects with; what is malformed is told, and no error."""
    if not isinstance(auth, Mapping):
        return Return()
    pid, offset = auth.get("pid"), auth.get("offset")
    wants_places = auth.get("recovery") is True
    if not isinstance(pid, str | None):
        return Return(wants_places, problem=INVALID_PID)
    if offset is None:
        return Return(wants_places, pid)
    try:
        return Return(wants_places, pid, read_cursor(offset))
    except InvalidCommand:
        return Return(wants_places, pid, problem=INVALID_OFFSET)


def read_cursor(text: object) -> Cursor:
    """Read an offset as clients keep it. Raises `InvalidCommand`."""
    if not isinstance(text, str) or len(text) > MAX_OFFSET_CHARACTERS:
        raise InvalidCommand("An offset is a text, as the server gave it.")
    try:
        return Cursor.parse(text)
    except ValueError:
        raise InvalidCommand("An offset looks like 7Qx2f0aB:1763890000123456, as the server gave it.") from None
