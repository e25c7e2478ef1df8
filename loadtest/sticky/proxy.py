"""What a proxy is to the matrix."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from parts.child import Child
from parts.http import get
from parts.ports import free_port
from sticky.presets import Preset, read_preset


class Proxy(Child):
    """One proxy over the pods on the given ports (pod name -> port)."""

    equivalence = ""
    """How near this is to what the preset's controller makes of it."""

    def __init__(self, preset: str, directory: Path, pods: Mapping[str, int], *, sticky: bool) -> None:
        self.sticky = sticky
        self.preset: Preset = read_preset(preset, sticky=sticky)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ready = list(pods)
        self._pods = pods
        super().__init__(preset, self._command(directory), directory)

    @abstractmethod
    def _command(self, directory: Path) -> Sequence[str]: ...

    @abstractmethod
    def _write(self) -> None:
        """Write the configuration."""

    async def start(self) -> None:
        """Write its configuration, and start it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write()
        await super().start()

    async def is_ready(self) -> bool:
        """Ask for something that nobody has."""
        return await get(f"{self.url}/nobody") is not None

    def told(self, ready: Sequence[str]) -> None:
        """Kubernetes: these pods are ready."""
        self.ready = list(ready)

    @property
    def servers(self) -> dict[str, str]:
        """The pods that are ready, and their addresses."""
        return {pod: f"127.0.0.1:{port}" for pod, port in self._pods.items() if pod in self.ready}
