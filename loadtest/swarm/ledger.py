"""What of the numbered events came, twice or not at all."""

from typing import Final, NamedTuple

MARK: Final = "swarm."


class Verdict(NamedTuple):
    """Of one message: how many before it never came, and whether it came before."""

    missing: int = 0
    is_repeated: bool = False


class Ledger:
    """One device's. Of each stream and key the numbers must follow each other; what comes first is where it begins."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}

    def hear(self, stream: str, event_id: str) -> Verdict | None:
        """Judge a message by its event's id; None: it is none of ours."""
        if (parsed := parse(event_id)) is None:
            return None
        key, number = parsed
        last = self._last.get((stream, key))
        if last is not None and number <= last:
            return Verdict(is_repeated=True)
        self._last[stream, key] = number
        return Verdict() if last is None else Verdict(missing=number - last - 1)

    def begin_anew(self) -> None:
        """Forget all: the server has said that it cannot tell what was missed."""
        self._last.clear()


def event_id(key: str, number: int) -> str:
    """Name the event of that number: what a record's header `event-id` says."""
    return f"{MARK}{key}#{number}"


def parse(text: object) -> tuple[str, int] | None:
    """Read what `event_id` wrote; None: somebody else did."""
    if not isinstance(text, str) or not text.startswith(MARK):
        return None
    key, mark, number = text.removeprefix(MARK).rpartition("#")
    return (key, int(number)) if mark and number.isdigit() else None
