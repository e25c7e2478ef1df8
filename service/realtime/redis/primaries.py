"""Which server is the primary now: asked of sentinels, or of the nodes of a cluster, whenever a connection is made."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - of Redis; nobody else's is meant here
    ReadOnlyError,
    RedisError,
    ResponseError,
)

log = structlog.get_logger(__name__)

Address = tuple[str, int]
Answer = TypeVar("Answer")

# An answer is good for this long; when a primary goes, all connections to it are made again within moments.
FRESH_SECONDS: Final = 0.1


class Primaries(Protocol):
    """Who knows where the primary is."""

    async def find(self) -> Address:
        """Ask. Raises `RedisError` or `OSError`."""
        ...

    async def aclose(self) -> None:
        """Close the connections that were asked on; nobody may ask any longer."""
        ...


class Shared(Generic[Answer]):
    """Of all who want to know something at once, one question is asked; what it brings is everybody's, an error, too.

    It belongs to nobody: who gives up takes nothing from those who wait on.
    """

    def __init__(self, ask: Callable[[], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[Answer] | None = None
        self._heard: tuple[float, Answer] | None = None

    async def answer(self) -> Answer:
        """Return what is heard now, or was `FRESH_SECONDS` ago. Raises what `ask` raises."""
        loop = asyncio.get_running_loop()
        if self._heard is not None:
            heard_at, answer = self._heard
            if loop.time() - heard_at < FRESH_SECONDS:
                return answer
        if self._asking is None:
            self._asking = loop.create_task(self._hear())
            self._asking.add_done_callback(_notice)
        return await asyncio.shield(self._asking)

    async def aclose(self) -> None:
        """Ask no longer; nobody may wait for it."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])

    async def _hear(self) -> Answer:
        try:
            answer = await self._ask()
        finally:
            self._asking = None
        self._heard = (asyncio.get_running_loop().time(), answer)
        return answer


def _notice(asked: asyncio.Task[Any]) -> None:
    # Else asyncio would complain where all who waited have given up.
    if not asked.cancelled():
        asked.exception()


class SentinelPrimaries:
    """Asks sentinels, one after the other until one knows; see https://redis.io/docs/latest/develop/reference/sentinel-clients/.

    redis-py puts the one that knew to the front of its list, and loses others when two ask it at once.
    """

    def __init__(self, sentinel: Sentinel, service: str) -> None:
        self._sentinel = sentinel
        self._primary = Shared[Address](lambda: self._ask(service))

    async def find(self) -> Address:
        """See `Primaries.find`."""
        return await self._primary.answer()

    async def _ask(self, service: str) -> Address:
        host, port = await self._sentinel.discover_master(service)
        return host, int(port)

    async def aclose(self) -> None:
        """See `Primaries.aclose`."""
        await self._primary.aclose()
        await self._sentinel.aclose()


class ClusterMap:
    """Who holds which slots, as some node of the cluster says: in random order, so that none is believed for ever.

    The hosts of the URL are never forgotten: all others may have moved when they come back.
    """

    def __init__(self, hosts: tuple[Address, ...], open_client: Callable[[str, int], Redis]) -> None:
        self._hosts = hosts
        self._open_client = open_client
        self._known: list[Address] = []
        self._owners = Shared(self._ask)

    async def owner(self, slot: int) -> Address:
        """Ask who holds the slot. Raises `ConnectionError` when nobody does, or nobody answers."""
        for slots, address in await self._owners.answer():
            if slot in slots:
                return address
        raise ConnectionError(f"no node of the cluster holds slot {slot}")

    async def aclose(self) -> None:
        """Ask no longer; nobody may wait for an owner."""
        await self._owners.aclose()

    async def _ask(self) -> list[tuple[range, Address]]:
        nodes = list({*self._hosts, *self._known})
        errors = []
        for host, port in random.sample(nodes, len(nodes)):
            try:
                async with self._open_client(host, port) as node:
                    entries = await node.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
                owners = [_owner(entry, host) for entry in entries]
            except (RedisError, OSError) as error:
                errors.append(f"{host}:{port}: {error}")
            else:
                self._known = [address for _, address in owners]
                return owners
        raise ConnectionError(f"no node of the cluster answers: {'; '.join(errors)}")


def _owner(entry: list[Any], asked_host: str) -> tuple[range, Address]:
    first, last, (host, port, *_), *_ = entry
    # A node that does not know its own address leaves it to who has reached it.
    return range(int(first), int(last) + 1), (host.decode() if host and host != b"?" else asked_host, int(port))


class SlotPrimaries:
    """Finds the owner of one slot."""

    def __init__(self, cluster: ClusterMap, slot: int) -> None:
        self._cluster = cluster
        self._slot = slot

    async def find(self) -> Address:
        """See `Primaries.find`."""
        return await self._cluster.owner(self._slot)

    async def aclose(self) -> None:
        """See `Primaries.aclose`."""
        await self._cluster.aclose()


class PrimaryPool(BlockingConnectionPool):
    """Connections to the primary. When that is another one, none to the old one is used again."""

    def __init__(self, primaries: Primaries, **kwargs: Any) -> None:
        super().__init__(**kwargs, find_primary=self._find)
        self._primaries = primaries
        self._primary: Address | None = None

    async def _find(self) -> Address:
        primary = await self._primaries.find()
        if primary != self._primary:
            known, self._primary = self._primary, primary
            if known is not None:
                log.warning("redis_primary_changed", host=primary[0], port=primary[1])
                await self.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]
                await self.disconnect(inuse_connections=False)
        return primary

    async def aclose(self) -> None:
        """See `ConnectionPool.aclose`."""
        await super().aclose()
        await self._primaries.aclose()


class PrimaryConnection(Connection):
    """A connection to whatever server is the primary when it is made, and says so itself."""

    def __init__(self, *, find_primary: Callable[[], Awaitable[Address]], **kwargs: Any) -> None:
        self._find_primary = find_primary
        super().__init__(**kwargs)

    async def _connect(self) -> None:
        self.host, self.port = await self._find_primary()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """See `AbstractConnection`. Raises `ConnectionError` for a server that is no primary (yet, or any longer)."""
        await super().on_connect_check_health(check_health)
        # Everybody may say HELLO; ROLE and INFO are for operators.
        await self.send_command("HELLO", "2", check_health=False)
        about = await self.read_response()
        if b"role" in about and about[about.index(b"role") + 1] != b"master":
            raise ConnectionError(f"{self.host}:{self.port} is no primary")


class TlsPrimaryConnection(PrimaryConnection, SSLConnection):
    """The same, encrypted."""


class LeavesWhoRefuses(AbstractConnection):
    """A connection that ends when the server says that others are to be asked: the next one finds who that is.

    That holds for a single server's URL, too: behind its name there may be another one by now.
    """

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """See `AbstractConnection`."""
        try:
            return await super().read_response(*args, **kwargs)
        except ResponseError as error:
            # Read-only: a replica. Moved, or on the way: another node's slot. Down, or too few replicas: cut off.
            if isinstance(error, ReadOnlyError | AskError | ClusterDownError) or str(error).startswith("NOREPLICAS"):
                await self.disconnect(nowait=True)
            raise
