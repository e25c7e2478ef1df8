"""Whether clocks agree; pure. Offsets come from the primary's clock, latencies from the records', expiry from ours."""

from typing import Final

from realtime.doctor.finding import CLOCK, Finding

# docs/redis.md: keep clocks within a second.
AHEAD_SECONDS: Final = 1.0
FAR_SECONDS: Final = 60.0
SET_CLOCKS: Final = "let NTP set the clocks of all machines; chronyc tracking, timedatectl"


def judge_clock(whose: str, ahead_seconds: float, uncertain_seconds: float) -> Finding:
    """Hold another clock against ours; `uncertain_seconds` of the difference the question itself may have taken."""
    off = max(0.0, abs(ahead_seconds) - uncertain_seconds)
    way = "ahead of" if ahead_seconds > 0 else "behind"
    if off > FAR_SECONDS:
        return CLOCK.fail(whose, f"{off:.0f} s {way} ours: tokens and offsets are judged by wrong times", SET_CLOCKS)
    if off > AHEAD_SECONDS:
        return CLOCK.warn(whose, f"{off:.1f} s {way} ours", SET_CLOCKS)
    return CLOCK.ok(whose, f"within {max(abs(ahead_seconds), uncertain_seconds) * 1_000:.0f} ms of ours")


def judge_newest_record(ahead_seconds: float) -> Finding:
    """Hold the newest record's time against ours: older is normal, later never is."""
    if ahead_seconds > AHEAD_SECONDS:
        told = f"the newest record is {ahead_seconds:.1f} s ahead of our clock: delivery latency cannot be measured"
        return CLOCK.warn("producers", told, SET_CLOCKS)
    return CLOCK.ok("producers", f"the newest record is {_age(-ahead_seconds)} old")


def _age(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"
