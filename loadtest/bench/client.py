"""The load client in C, driven by commands on its standard input; `c/client.c` says what each means."""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.programs import c_program
from tool.errors import Failed

# Sockets whose handshakes are under way at once.
UNDER_WAY = 64
WAIT_SECONDS = 120.0
# What sockets speak.
SOCKETIO, CENTRIFUGO = "socketio", "centrifugo"
# What no message contains.
ORDER_UNCHECKED = "(unchecked)"
# Beyond a command's own limit: then the client itself hangs.
GRACE_SECONDS = 30.0


class LoadFailed(Failed):
    """What was sent did not arrive whole and in order, or sockets were lost: the server or the client is broken."""


@dataclass(frozen=True)
class Latency:
    """Of messages or of echoes, in microseconds."""

    count: int
    p50: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True)
class Report:
    """What a group has counted since it was armed, up to the last message."""

    frames: int
    seconds: float
    bytes: int
    out_of_order: int
    most: int
    fewest: int
    ready: int
    lost: int
    latency: Latency

    def check(self, frames: int, sockets: int) -> Self:
        """Raise `LoadFailed` unless each socket received the same number of messages, all of them and in order."""
        is_whole = self.frames == frames and self.most == self.fewest and self.most * sockets == frames
        if not is_whole or self.out_of_order or self.lost:
            raise LoadFailed(
                f"{self.frames} of {frames} messages came, {self.fewest} to {self.most} to a socket, "
                f"{self.out_of_order} of them out of order; {self.lost} sockets were lost"
            )
        return self


class LoadClient:
    """One client process; use it as `async with`."""

    def __init__(self, directory: Path, name: str = "client") -> None:
        """Keep what it complains of in `directory`."""
        self._directory = directory
        self._log = directory / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(c_program("client")), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def group(
        self,
        name: str,
        *ports: int,
        tokens: Path | None = None,
        joins: Sequence[str] = (),
        dialect: str = SOCKETIO,
        auth: str = "",
        sources: tuple[str, int] | None = None,
        stamp: str = "",
    ) -> None:
        """Name a group of sockets: where they connect, with which tokens (a file), and which packets they join with.

        With several ports, socket follows socket to the next; the first token is the first socket's. `auth` is what
        CONNECT says beside the token (`,"recovery":true`), `sources` the first of so many addresses that they connect
        from in turn, and `stamp` the text before the time of sending in what they hear, if it is not `"t":`.
        """
        await self._tell(f"group {name} {','.join(map(str, ports))} {dialect}" + (f" {tokens}" if tokens else ""))
        for verb, what in (("from", "{} {}".format(*sources) if sources else ""), ("auth", auth), ("stamp", stamp)):
            if what:
                await self._tell(f"{verb} {name} {what}")
        for packet in joins:
            await self._tell(f"join {name} {packet}")

    async def connect(
        self, name: str, sockets: int, *, under_way: int = UNDER_WAY, timeout_seconds: float = WAIT_SECONDS
    ) -> float:
        """Open so many more sockets, all joined; how many seconds it took. Raises `LoadFailed`."""
        said = await self._tell(f"connect {name} {sockets} {under_way} {timeout_seconds}", timeout_seconds)
        if said["lost"] or said["ready"] < sockets:
            raise LoadFailed(f"{said['ready']} of {sockets} sockets connected, {said['lost']} were lost{self._why()}")
        return float(said["seconds"])

    async def arm(self, name: str, order_key: str = ORDER_UNCHECKED, *, strict: bool = True) -> None:
        """Begin to count anew. The number behind `order_key` must grow (strict) or at least not shrink."""
        await self._tell(f"arm {name} {int(strict)} {order_key}")

    async def send(self, name: str, packet: str, member: int = 0) -> None:
        """Let a socket say something."""
        await self._tell(f"send {name} {member} {packet}")

    async def wait(self, name: str, frames: int, timeout_seconds: float = WAIT_SECONDS) -> Report:
        """Return when the group has counted so many messages, or nothing comes any more."""
        return _report(await self._tell(f"wait {name} {frames} {timeout_seconds}", timeout_seconds))

    async def rounds(self, name: str, frames: int, rounds: int, packet: str, *, by: str) -> Report:
        """Have the first of group `by` send a packet, wait for so many messages, and so on, round after round."""
        line = f"rounds {name} {frames} {rounds} {WAIT_SECONDS} {by} {packet}"
        return _report(await self._tell(line, rounds * WAIT_SECONDS))

    async def report(self, name: str) -> Report:
        """Return what has been counted so far."""
        return _report(await self._tell(f"report {name}"))

    async def latencies(self, name: str) -> Counter[int]:
        """How many messages had which latency, in nanoseconds, since the group was armed."""
        return Counter(dict((await self._tell(f"latencies {name}"))["latencies_ns"]))

    @property
    def pid(self) -> int:
        """The client's process, while it runs."""
        assert self._process is not None
        return self._process.pid

    async def start_echoes(self, name: str, every_ms: int) -> None:
        """Have the first of the group ask for an echo at a fixed pace."""
        await self._tell(f"echo {name} {every_ms}")

    async def stop_echoes(self, name: str) -> Latency:
        """Stop asking, and wait for the last echo; how long each took. Raises `LoadFailed` when one never came."""
        said = await self._tell(f"echo {name} 0", WAIT_SECONDS)
        if said["sent"] != said["heard"]:
            raise LoadFailed(f"{said['heard']} of {said['sent']} echoes came back{self._why()}")
        return Latency(**said["round_trip_us"])

    async def ask(self, name: str, event: str, timeout_seconds: float = 10.0) -> Any:
        """Send an event without arguments; its ack's only argument."""
        said = await self._tell(f'ask {name} {timeout_seconds} 42500["{event}"]', timeout_seconds)
        if not said["answer"]:
            raise LoadFailed(f"{event} was not answered{self._why()}")
        return said["answer"][0]

    async def drop(self, name: str) -> float:
        """Close all sockets of the group at once; how many seconds that took."""
        return float((await self._tell(f"drop {name}", WAIT_SECONDS))["seconds"])

    async def _tell(self, line: str, timeout_seconds: float = 0.0) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        try:
            async with asyncio.timeout(timeout_seconds + GRACE_SECONDS):
                answer = await self._process.stdout.readline()
        except TimeoutError:
            raise LoadFailed(f"the load client does not answer{self._why()}") from None
        if not answer:
            raise LoadFailed(f"the load client ended{self._why()}")
        said: dict[str, Any] = json.loads(answer)
        if "error" in said:
            raise LoadFailed(f"the load client says {said['error']}: {line}")
        return said

    def _why(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-3:]
        return "".join(f"\n  {line}" for line in lines)


def _report(said: dict[str, Any]) -> Report:
    return Report(
        **{name: value for name, value in said.items() if name != "latency_us"}, latency=Latency(**said["latency_us"])
    )
