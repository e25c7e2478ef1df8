"""How far a pod has told its listener, and who waits for it to get there."""

import asyncio
from collections.abc import Awaitable, Callable

from realtime.broker.place import Place


class Told:
    """The place up to which all has been told. `ask` makes the pod hear of the newest place soon."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self.place: Place | None = None
        self._ask = ask
        self._awaited: dict[asyncio.Future[None], Place] = {}

    def has_reached(self, place: Place) -> bool:
        """Whether all up to the place has been told."""
        return self.place is not None and self.place.epoch == place.epoch and self.place.offset >= place.offset

    def note(self, place: Place) -> None:
        """All up to here has been told; it may lie before the last one, when Redis has forgotten that."""
        self.place = place
        for told, awaited in self._awaited.items():
            if self.has_reached(awaited) and not told.done():
                told.set_result(None)

    def advance(self, place: Place) -> None:
        """All up to here has been told, if not more. In a new epoch everything begins anew."""
        if not self.has_reached(place):
            self.note(place)

    async def until(self, place: Place) -> None:
        """Wait until all up to the place has been told."""
        if self.has_reached(place):
            return
        told = asyncio.get_running_loop().create_future()
        is_asked = place in self._awaited.values()
        self._awaited[told] = place
        try:
            if not is_asked:
                await self._ask()
            await told
        finally:
            del self._awaited[told]
