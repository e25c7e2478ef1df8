"""Stock python-socketio on uvicorn, as everybody writes it.

python -m bench.servers.stock --port PORT [--secret SECRET] [--redis URL]
"""

import asyncio
from typing import Any

import jwt
import socketio
import uvicorn

from bench.servers.conversation import Conversation, EmitTick, Message, emit_each, read_arguments


def main() -> None:
    """Serve until a signal comes."""
    arguments = read_arguments()
    manager = socketio.AsyncRedisManager(arguments.redis) if arguments.redis else None
    server = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
    ways = {"emit": emit_each(server), "concurrent": _emit_concurrently(server)}
    conversation = Conversation(server, ways)

    async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, Any] | None = None) -> None:
        if arguments.secret:
            try:
                claims = jwt.decode((auth or {}).get("token", ""), arguments.secret, algorithms=["HS256"])
            except jwt.InvalidTokenError as error:
                raise socketio.exceptions.ConnectionRefusedError(str(error)) from error
            await server.save_session(sid, {"user": claims["sub"]})
        conversation.connected()

    server.on("connect", connect)
    uvicorn.run(
        socketio.ASGIApp(server),
        host="127.0.0.1",
        port=arguments.port,
        backlog=4_096,
        log_level="warning",
        access_log=False,
    )


def _emit_concurrently(server: socketio.AsyncServer) -> EmitTick:
    async def emit_tick(room: str, messages: list[Message]) -> None:
        await asyncio.gather(*(server.emit("u", message, room=room) for message in messages))

    return emit_tick


if __name__ == "__main__":
    main()
