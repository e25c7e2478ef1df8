"""Whatever a look does, it is a finding and not the doctor's end."""

import asyncio

from realtime.doctor.finding import REDIS, Finding, Status
from realtime.doctor.looking import MAX_CHARACTERS, describe, look_at, look_at_all

GOOD = REDIS.ok("good", "well")


async def good() -> list[Finding]:
    return [GOOD]


async def breaks() -> list[Finding]:
    raise LookupError("who would have thought")


async def hangs() -> list[Finding]:
    await asyncio.Event().wait()
    return []


async def does_not_let_itself_be_cancelled() -> list[Finding]:
    for _ in range(2):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    return []


async def test_one_that_breaks_or_hangs_does_not_stop_the_others() -> None:
    found = await look_at_all(
        [
            look_at(REDIS, "breaks", breaks),
            look_at(REDIS, "hangs", hangs, 0.02),
            look_at(REDIS, "stays", does_not_let_itself_be_cancelled, 0.02),
            look_at(REDIS, "good", good),
        ]
    )
    assert [(finding.subject, finding.status) for finding in found] == [
        ("breaks", Status.FAIL),
        ("hangs", Status.FAIL),
        ("stays", Status.FAIL),
        ("good", Status.OK),
    ]
    assert "LookupError: who would have thought" in found[0].told
    assert "within 0.02 s" in found[1].told
    assert all(finding.mend for finding in found[:3])
    # The one that stayed is woken once more, so that nothing is left behind of this test.
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def test_an_error_is_one_line_that_has_an_end() -> None:
    assert describe(ValueError("a\n  b")) == "ValueError: a b"
    assert describe(TimeoutError()) == "TimeoutError"
    assert len(describe(ValueError("x" * 10_000_000))) == MAX_CHARACTERS
