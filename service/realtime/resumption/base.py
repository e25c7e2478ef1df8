"""What is promised of sessions that can be resumed.

`memory.py` and `redis.py` keep it; `tests/suites/` holds them to it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Final, Protocol

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, TypeAdapter
from pydantic.alias_generators import to_camel

from realtime.broker.place import Place

_PID: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
# A place is written as clients see it.
_Place = Annotated[
    Place, BeforeValidator(lambda said: Place.parse(said) if isinstance(said, str) else said), PlainSerializer(str)
]


@dataclass(frozen=True, slots=True)
class ResumableSession:
    """What a client that comes back with its `pid` goes on with.

    `session_id` is the session that holds it now, `rooms` its rooms, each with the place from which the session was in
    it. `moves` counts how often it was taken over by another session. `heard`: up to these places, one for each order,
    its client has heard all of its rooms for certain.
    """

    # No model: one is kept for each connection, and a model of this takes thrice the memory.
    __pydantic_config__ = ConfigDict(alias_generator=to_camel)

    user_id: str
    session_id: str
    rooms: dict[str, _Place]
    moves: int = 0
    heard: tuple[_Place, ...] = ()

    def taken_over(self, session_id: str, rooms: dict[str, Place] | None = None) -> "ResumableSession":
        """The same, in the hands of another session."""
        rooms = self.rooms if rooms is None else rooms
        return replace(self, session_id=session_id, rooms=rooms, moves=self.moves + 1)

    def replaces(self, kept: "ResumableSession") -> bool:
        """Whether it is kept in place of another one."""
        return self.session_id == kept.session_id or self.moves > kept.moves

    def as_json(self) -> bytes:
        """As it is kept, in camelCase."""
        return _JSON.dump_json(self, by_alias=True)

    @classmethod
    def from_json(cls, text: bytes | str) -> "ResumableSession":
        """Read what `as_json` wrote, of this version or another. Raises `ValidationError`."""
        return _JSON.validate_json(text)


_JSON: Final = TypeAdapter(ResumableSession)


# What has become of a session that is kept.
Refresh = Callable[[ResumableSession], ResumableSession]


def as_it_is(session: ResumableSession) -> ResumableSession:
    """Nothing has."""
    return session


class ResumableSessions(Protocol):
    """Sessions that clients may come back to, on any pod, by the `pid` that they were given.

    Lifetime: a session is kept while it is connected, and `recovery.session_seconds` longer, at least.
    Who holds it: what is kept is replaced by the session that holds it, and by one with more `moves`. So what an old
    pod writes late is refused; of two sessions that have found the same and take it over, the first is believed; and
    when Redis has forgotten it and several pods keep it again, the last that took it over is.
    A `pid` is 16 to 64 of `A-Z a-z 0-9 _ -`. To know it is not to own it: who finds a session compares `user_id`.
    """

    async def run(self, refresh: Refresh = as_it_is) -> None:
        """Keep alive what was kept here and not released, until cancelled; within seconds, if Redis has forgotten it.

        Each is kept as `refresh` returns it, some times in `recovery.session_seconds`. Who keeps or looks for a session
        before this runs waits for it.
        """
        ...

    async def keep(self, pid: str, session: ResumableSession) -> bool:
        """Keep a session, or what has become of it. False, and it is released here, when another one holds it.

        Raises `RedisUnavailable`; then `run` goes on trying, until it is released.
        """
        ...

    async def find(self, pid: str) -> ResumableSession | None:
        """Find a session; None for an unknown, forgotten or unreadable one, and for what is no `pid`.

        Raises `RedisUnavailable`.
        """
        ...

    def release(self, pid: str, session_id: str) -> None:
        """Note that the session is no longer connected here: it lives on for `recovery.session_seconds`.

        Nothing happens when another session holds it here by now.
        """
        ...

    def forget(self, pid: str, session_id: str) -> None:
        """Note that nobody will come back to it. Nothing happens when another session holds it, here or elsewhere."""
        ...


def is_pid(text: object) -> bool:
    """Whether it looks like one of our `pid`s; clients send what they like."""
    return isinstance(text, str) and _PID.fullmatch(text) is not None
