"""A token bucket: so many at once, so many a second."""


class TokenBucket:
    """Allows `burst` at once and `per_second` on average. One small object, no timer.

    The time is the caller's, in seconds of a monotonic clock.
    """

    __slots__ = ("_at_seconds", "_burst", "_left", "_per_second")

    def __init__(self, per_second: float, burst: int, now_seconds: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = float(burst)
        self._at_seconds = now_seconds

    def take(self, now_seconds: float) -> bool:
        """Take one, if there is one."""
        elapsed = max(0.0, now_seconds - self._at_seconds)
        self._left = min(float(self._burst), self._left + elapsed * self._per_second)
        self._at_seconds = now_seconds
        if self._left < 1:
            return False
        self._left -= 1
        return True
