"""What a client is to a test, whichever language it is written in."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from parts.waiting import eventually


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that a client heard.

    `kind` is connect, connect_error, event, upgrade or disconnect; `name` the event's name, the transport (connect,
    upgrade) or the reason (connect_error, disconnect).
    """

    kind: str
    name: str
    args: tuple[Any, ...]
    at: float
    """When it arrived, in seconds since 1970."""


class Client(ABC):
    """A stock client that writes down all it hears. A server that asks for an ack gets its arguments back."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        transports: Sequence[str] = ("websocket",),
        headers: Mapping[str, str] | None = None,
        reconnects: bool = False,
        auth: Mapping[str, Any] | None = None,
    ) -> None:
        """`token` goes into `auth`; the other two places that may hold one are `headers` and the URL's query."""
        self.url = url
        self.auth = {**({} if token is None else {"token": token}), **(auth or {})} or None
        self.transports = list(transports)
        self.headers = dict(headers or {})
        self.reconnects = reconnects
        self.heard: list[Heard] = []

    @property
    @abstractmethod
    def sid(self) -> str | None:
        """The socket's id while it is connected."""

    @abstractmethod
    async def open(self) -> Heard:
        """Connect, and return how that went: the first `connect` or `connect_error` (an `upgrade` may come before)."""

    @abstractmethod
    async def command(self, name: str, *args: Any, timeout_seconds: float = 10) -> Any:
        """Send a command and return the ack's first argument. Raises `TimeoutError` when there is no ack in time."""

    @abstractmethod
    async def send(self, name: str, *args: Any) -> None:
        """Send an event without asking for an ack."""

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye and disconnect."""

    def events(self, name: str) -> list[Heard]:
        """Return all events of that name, in the order in which they came."""
        return [heard for heard in self.heard if heard.kind == "event" and heard.name == name]

    async def wait_for(self, condition: Callable[[Heard], bool], timeout_seconds: float = 10) -> Heard:
        """Return the first thing heard, now or earlier, that fulfils the condition."""
        return await eventually(
            lambda: next(filter(condition, self.heard), None),
            timeout_seconds,
            f"{self} hears what is waited for",
        )

    async def wait_for_event(self, name: str, count: int = 1, timeout_seconds: float = 10) -> Heard:
        """Return the event of that name, or the count-th of them."""
        heard = await eventually(
            lambda: self.events(name)[count - 1 : count], timeout_seconds, f"{self} hears {count} of {name}"
        )
        return heard[0]

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __str__(self) -> str:
        heard = ", ".join(f"{heard.kind} {heard.name}" for heard in self.heard[-10:])
        return f"{type(self).__name__} over {'+'.join(self.transports)} (heard at last: {heard or 'nothing'})"
