"""What waits for a client that does not take it now."""

import itertools
from collections import OrderedDict
from typing import Final

_numbers = itertools.count()
# What keeping a frame costs beside its own bytes, so that many small ones count as what they are.
OVERHEAD_BYTES: Final = 200
# What waits is written in pieces of about that size, so that a slow reader's memory is not taken at once.
REFILL_BYTES: Final = 65_536


class Waiting:
    """Frames in order; of those under one conflation key, only the latest."""

    __slots__ = ("_frames", "bytes")

    def __init__(self) -> None:
        self.bytes = 0  # of all frames, and what keeping them costs
        # Under its number, or under its conflation key. A plain dict walks through all that it has lost at its front.
        self._frames: OrderedDict[int | str, bytes] = OrderedDict()

    def add(self, frame: bytes, conflation_key: str | None = None) -> bool:
        """Let a frame wait behind all others; whether it does so in place of one with the same conflation key."""
        key: int | str = next(_numbers) if conflation_key is None else conflation_key
        old = self._frames.pop(key, None)
        if old is not None:
            self.bytes -= len(old) + OVERHEAD_BYTES
        self.bytes += len(frame) + OVERHEAD_BYTES
        self._frames[key] = frame
        return old is not None

    def take(self, max_bytes: int, max_frames: int | None = None) -> list[bytes]:
        """Take the first frames: one, however long it is, and more as long as they fit."""
        taken: list[bytes] = []
        size = 0
        while self._frames and (max_frames is None or len(taken) < max_frames):
            key, frame = next(iter(self._frames.items()))
            if taken and size + len(frame) > max_bytes:
                break
            del self._frames[key]
            taken.append(frame)
            size += len(frame)
        self.bytes -= size + OVERHEAD_BYTES * len(taken)
        return taken
