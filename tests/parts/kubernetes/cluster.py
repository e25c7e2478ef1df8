"""A whole cluster: a control plane on this machine, and nodes in a network of their own."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from parts.kubernetes.clients import Kubectl
from parts.kubernetes.control_plane import ControlPlane
from parts.kubernetes.machine import HOST, Machine
from parts.kubernetes.node import Node
from parts.kubernetes.services import dns, proxy


class Cluster:
    """Use `start` and `kill`; whatever it did to this machine is undone by then, also when this process dies."""

    def __init__(self, directory: Path, nodes: int = 2) -> None:
        self._directory = directory
        self._machine = Machine(directory / "machine")
        self._sysctls = _Sysctls()
        self._nodes = nodes
        self.nodes: list[Node] = []

    @property
    def kubectl(self) -> Kubectl:
        """The administrator's."""
        return self._plane.kubectl

    async def start(self, images: Sequence[Path]) -> None:
        """Start everything, with these images on each node, and wait until the nodes are ready."""
        await self._machine.start()
        self._plane = ControlPlane(self._directory / "plane", HOST)
        await self._plane.start()
        self.nodes = [Node(self._directory, n + 1, self._machine, self._plane) for n in range(self._nodes)]
        for node in self.nodes:
            await node.start(*images)
        self._shared = [
            proxy(self._directory / "proxy", self._machine, self._plane),
            dns(self._directory / "dns", self._machine, self._plane),
        ]
        for program in self._shared:
            await program.start()

    async def kill(self) -> None:
        """End everything, as a power cut would."""
        for node in self.nodes:
            await node.kill()
        if hasattr(self, "_plane"):
            for program in getattr(self, "_shared", []):
                await program.kill()
            await self._plane.kill()
        await self._machine.kill()
        self._sysctls.restore()
        shutil.rmtree(self._directory / "plane" / "etcd" / "data", ignore_errors=True)


class _Sysctls:
    """What a kubelet sets for the whole kernel, and is set back after."""

    _NAMES = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")

    def __init__(self) -> None:
        self._were = {name: self._file(name).read_text() for name in self._NAMES}

    def restore(self) -> None:
        for name, value in self._were.items():
            self._file(name).write_text(value)

    @staticmethod
    def _file(name: str) -> Path:
        return Path("/proc/sys") / name
