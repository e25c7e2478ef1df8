"""Server processes, each on its core, and what the kernel knows of them."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.programs import HERE, c_program, node, node_packages
from observe import processes
from parts.child import Child
from parts.ports import free_port
from tool.machine import Cores

PACKAGES = HERE.parent  # where `bench` is imported from

OURS, STOCK, NODE, FLOOR = "ours", "stock", "node", "floor"


class Server(Child):
    """A server that is measured."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        directory: Path,
        core: int,
        port: int,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.port = port
        pinned = [sys.executable, str(HERE / "pinned.py"), str(core), *command]
        # Nobody's own settings of the product.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("REALTIME_")}
        inherited["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
        super().__init__(name, pinned, directory, inherited | (environment or {}))

    async def is_ready(self) -> bool:
        """Whether it listens."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    @property
    def state(self) -> str:
        """In words, for people who wonder what went wrong."""
        if self._process is None:
            return "was never started"
        return "still runs" if self.is_running else f"ended with {self._process.returncode}"

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far, kernel and user, exact to the nanosecond."""
        return processes.cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Memory that it holds; what the kernel buffers for its sockets is not in it."""
        return processes.resident_bytes(self.pid)


def make_server(kind: str, directory: Path, cores: Cores, *, core: int | None = None, **options: str) -> Server:
    """Make a server of a kind; options are `secret` and `redis`, see `servers/`. Not started yet."""
    port = free_port()
    options["port"] = str(port)
    match kind:
        case "ours" | "stock":
            command = [sys.executable, "-m", f"bench.servers.{kind}", *_arguments(options)]
        case "node":
            command = node_command("server.mjs", options)
        case "floor":
            command = [str(c_program("floor")), str(port)]
        case _:
            raise ValueError(f"no server is called {kind}")
    return Server(kind, command, directory / f"{kind}-{port}", cores.server if core is None else core, port)


def node_command(script: str, options: Mapping[str, str]) -> list[str]:
    """The command that runs a script of `node/`, where its packages are."""
    return ["env", f"--chdir={node_packages()}", node(), str(HERE / "node" / script), *_arguments(options)]


def _arguments(options: Mapping[str, str]) -> list[str]:
    return [argument for name, value in options.items() for argument in (f"--{name}", value)]
