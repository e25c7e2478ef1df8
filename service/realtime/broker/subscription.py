"""A room that a pod hears."""

import asyncio
from dataclasses import dataclass

from realtime.broker.base import Delivery


@dataclass(slots=True)
class Subscription:
    """A wanted room, and how far the listener has been told what was published into it.

    What was published before the room was asked for counts as told. `epoch` is None until that is known.
    """

    room: str
    # None: `subscribe` has returned, and from here on nothing may be missed. There are as many rooms as
    # connections, and more, and most have been ready for long.
    ready: asyncio.Future[None] | None
    epoch: str | None = None
    told_up_to: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether nothing may be missed any more."""
        return self.ready is None

    def be_ready(self) -> None:
        """Let those go on who wait for it."""
        if self.ready is not None:
            if not self.ready.done():
                self.ready.set_result(None)
            self.ready = None

    def takes(self, delivery: Delivery) -> bool:
        """Whether it has not been told yet; from now on it has."""
        if delivery.offset <= self.told_up_to and delivery.epoch == self.epoch:
            return False
        self.epoch, self.told_up_to = delivery.epoch, delivery.offset
        return True
