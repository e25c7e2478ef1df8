"""What waits for a client that does not take it now."""

import itertools

_numbers = itertools.count()


class Waiting:
    """Frames in order; of those under one conflation key, only the latest."""

    __slots__ = ("_frames", "bytes")

    def __init__(self) -> None:
        self.bytes = 0  # of all frames
        self._frames: dict[int | str, bytes] = {}  # under its number, or under its conflation key

    def add(self, frame: bytes, conflation_key: str | None = None) -> None:
        """Let a frame wait behind all others, in place of one with the same conflation key."""
        key: int | str = next(_numbers) if conflation_key is None else conflation_key
        self.bytes += len(frame) - len(self._frames.pop(key, b""))
        self._frames[key] = frame

    def take(self, max_bytes: int, max_frames: int | None = None) -> list[bytes]:
        """Take the first frames: one, however long it is, and more as long as they fit."""
        taken: list[bytes] = []
        size = 0
        for frame in itertools.islice(self._frames.values(), max_frames):
            if taken and size + len(frame) > max_bytes:
                break
            taken.append(frame)
            size += len(frame)
        for key in list(itertools.islice(self._frames, len(taken))):
            del self._frames[key]
        self.bytes -= size
        return taken
