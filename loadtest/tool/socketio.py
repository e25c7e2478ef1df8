"""socket.io-client 4 on websockets, as far as a shop's page needs it."""

import json
import random
import time
from collections.abc import Sequence
from typing import Any, Final

from tool.websocket import Websocket

OWN_EVENT: Final = "order:updated"
# socket.io-client's defaults: reconnectionDelay, reconnectionDelayMax, randomizationFactor.
FIRST_DELAY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 5.0
JITTER: Final = 0.5
DOUBLINGS: Final = 8  # far beyond the longest


class SocketIoClient(Websocket):
    """One user's. It follows its orders, whose `numbers` it keeps in the order in which it heard them.

    Connection state recovery, and its delays, are the stock client's; an application that was not recovered subscribes
    anew. `recoveries` are those of `connections` that went on where they were. `handshakes` are which pod took it in,
    by the pod's own id, and when (monotonic).
    """

    path = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, user: str, token: str, ports: Sequence[int], first: int = 0) -> None:
        super().__init__(ports, first)
        self.user = user
        self.numbers: list[int] = []
        self.recoveries = 0
        self.handshakes: list[tuple[str, float]] = []
        self._token = token
        self._pid: str | None = None
        self._offset: str | None = None

    def delay_seconds(self, failures: int) -> float:
        """Doubled each time, up to the longest, with jitter."""
        doubled = FIRST_DELAY_SECONDS * 2.0 ** min(failures, DOUBLINGS)
        return min(doubled, LONGEST_DELAY_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER)

    def opened(self) -> None:
        """The server speaks first."""

    def take(self, text: str) -> None:
        """Take an Engine.IO packet."""
        if text == "2":
            self.say("3")
        elif text.startswith("0"):
            self.handshakes.append((json.loads(text[1:])["sid"].rpartition(".")[2], time.monotonic()))
            back = {} if self._pid is None else {"pid": self._pid, "offset": self._offset}
            # Servers other than ours do not know `recovery`, and do as they do.
            self.say("40" + json.dumps({"token": self._token, "recovery": True} | back))
        elif text.startswith("40"):
            self._welcomed(json.loads(text[2:]).get("pid"))
        elif text.startswith("42"):
            self.hear(*json.loads(text[2:]))
        elif text.startswith("43"):
            self._answered(json.loads(text[text.index("[") :]))
        elif text.startswith(("41", "44")):
            self._abort()

    def hear(self, event: str, *arguments: Any) -> None:
        """Take an event; where connections can be recovered, its place comes behind what it is about."""
        if self._pid is not None and arguments and isinstance(arguments[-1], str):
            self._offset = arguments[-1]
        if event == OWN_EVENT:
            self.numbers.append(int(arguments[0]["orderId"]))

    def _welcomed(self, pid: str | None) -> None:
        is_recovered = pid is not None and pid == self._pid
        self._pid = pid
        if is_recovered:
            self.recoveries += 1
            self.listens()
        else:
            self.say('420["subscribe:orders",{}]')

    def _answered(self, answer: list[Any]) -> None:
        if answer and isinstance(answer[0], dict) and answer[0].get("ok") is False:
            self._abort()  # and tries again: who is never let in never listens, which is what every tool waits for
        else:
            self.listens()
