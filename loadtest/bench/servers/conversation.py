"""What the Python servers have in common: arguments, the messages that they send, and what clients ask of them."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import socketio

# What one message is, as keyword arguments would be.
Message = dict[str, Any]
# Emits so many messages into a room, all in this turn of the event loop.
EmitTick = Callable[[str, list[Message]], Awaitable[None]]

_numbers = count()


def arguments_parser() -> argparse.ArgumentParser:
    """What every server is told on its command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", default="", help="HS256 secret; a token is asked of everybody")
    parser.add_argument("--redis", default="", help="URL of the Redis that pods share")
    return parser


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    return arguments_parser().parse_args()


def make_message() -> Message:
    """Make the same message as every server's: 206 bytes as a packet."""
    s = next(_numbers)
    return {
        "s": s,
        "t": time.monotonic_ns(),
        "id": f"ord-{s:08d}",
        "sym": "ACME-2026-Q4",
        "side": "buy",
        "px": 101.25,
        "qty": 1500,
        "filled": 700,
        "status": "partially_filled",
        "acct": "acc-00042",
        "note": "desk-7 limit day order",
    }


class Conversation:
    """Answers what clients ask: `join`, `leave`, `echo`, `count`, and `go`."""

    def __init__(self, server: socketio.AsyncServer, emit_tick: dict[str, EmitTick]) -> None:
        """`emit_tick` has the server's ways to emit; `go` names one, the first is the default."""
        self._server = server
        self._emit_tick = emit_tick
        self._connected = 0
        self._going: set[asyncio.Task[None]] = set()
        server.on("disconnect", self._disconnected)
        for name in ("join", "leave", "echo", "count", "go"):
            server.on(name, getattr(self, f"_{name}"))

    def connected(self) -> None:
        """Count a socket; for the server's own `connect` handler."""
        self._connected += 1

    async def _disconnected(self, _sid: str, _reason: str) -> None:
        self._connected -= 1

    async def _join(self, sid: str, room: str) -> None:
        await self._server.enter_room(sid, room)

    async def _leave(self, sid: str, room: str) -> None:
        await self._server.leave_room(sid, room)

    async def _echo(self, _sid: str) -> None:
        pass

    async def _count(self, _sid: str) -> int:
        return self._connected

    async def _go(self, _sid: str, order: dict[str, Any]) -> None:
        # Beside the handler: its socket may go on talking meanwhile.
        task = asyncio.create_task(self._emit(**order))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _emit(self, messages: int, per_tick: int, every_ms: float, room: str, via: str) -> None:
        emit_tick = self._emit_tick.get(via) or next(iter(self._emit_tick.values()))
        next_at = time.monotonic()
        for sent in range(0, messages, per_tick):
            await emit_tick(room, [make_message() for _ in range(min(per_tick, messages - sent))])
            next_at += every_ms / 1_000
            await asyncio.sleep(max(0.0, next_at - time.monotonic()) if every_ms else 0)


def emit_each(server: socketio.AsyncServer) -> EmitTick:
    """python-socketio's own way to emit, message by message."""

    async def emit_tick(room: str, messages: list[Message]) -> None:
        for message in messages:
            await server.emit("u", message, room=room)

    return emit_tick
