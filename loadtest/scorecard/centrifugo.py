"""One user of Centrifugo, beside those of Socket.IO."""

import json
import random
from collections.abc import Sequence
from typing import Any

from tool.websocket import Websocket


class CentrifugoClient(Websocket):
    """centrifuge-js 5 on a websocket: it recovers each channel from its own position; 0.5 to 20 s, full jitter.

    `numbers` are those of its user's orders, in the order in which it heard them.
    """

    path = "/connection/websocket"

    def __init__(self, user: str, token: str, ports: Sequence[int], first: int = 0) -> None:
        super().__init__(ports, first)
        self.user = user
        self.numbers: list[int] = []
        self._token = token
        self._own, self._orders = f"user:#{self.user}", f"orders:#{self.user}"
        self._positions: dict[str, dict[str, Any]] = {}

    def delay_seconds(self, failures: int) -> float:
        """MinReconnectDelay and maxReconnectDelay, as they are by default."""
        return min(0.5 + random.uniform(0, 0.5 * 2 ** min(failures, 31)), 20.0)

    def opened(self) -> None:
        """Connect with what is known of the personal channel, and subscribe to the other."""
        subs = {self._own: self._position(self._own)} if self._own in self._positions else {}
        self.say(json.dumps({"id": 1, "connect": {"token": self._token, "subs": subs}}))

    def take(self, text: str) -> None:
        """Take replies and pushes, a line each."""
        for line in text.splitlines():
            said = json.loads(line)
            if not said:
                self.say("{}")  # a ping
            elif "error" in said:
                self._abort()
            elif "connect" in said:
                for channel, subscribed in said["connect"].get("subs", {}).items():
                    self._subscribed(channel, subscribed)
                subscribe = {"channel": self._orders} | self._position(self._orders)
                self.say(json.dumps({"id": 2, "subscribe": subscribe}))
            elif "subscribe" in said:
                self._subscribed(self._orders, said["subscribe"])
                self.listens()
            elif "pub" in said.get("push", {}):
                self._hear(said["push"]["channel"], said["push"]["pub"])
            elif "disconnect" in said.get("push", {}):
                self._abort()

    def _position(self, channel: str) -> dict[str, Any]:
        return {"recover": True, **self._positions[channel]} if channel in self._positions else {}

    def _subscribed(self, channel: str, said: dict[str, Any]) -> None:
        for publication in said.get("publications", ()):
            self._hear(channel, publication)
        self._positions[channel] = {"epoch": said.get("epoch", ""), "offset": said.get("offset", 0)}

    def _hear(self, channel: str, publication: dict[str, Any]) -> None:
        if channel in self._positions:
            self._positions[channel]["offset"] = publication.get("offset", 0)
        if channel == self._orders:
            self.numbers.append(int(publication["data"]["orderId"]))
