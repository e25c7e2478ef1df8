"""kubectl and the real helm, as an operator has them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from parts.kubernetes import programs
from parts.kubernetes.certificates import Authority, Pair
from parts.kubernetes.commands import Refused, run
from parts.needs import need
from parts.waiting import eventually

CHART = Path(__file__).parents[3] / "deploy" / "helm" / "realtime"
VERSION = str(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"])


def kubeconfig(file: Path, server: str, authority: Authority, pair: Pair) -> Path:
    """Write the file that says where the cluster is and who asks."""
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "tests", "cluster": {"server": server, "certificate-authority": str(authority.certificate)}}
        ],
        "users": [{"name": "me", "user": {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "me"}}],
        "current-context": "tests",
    }
    file.write_text(yaml.safe_dump(told))
    return file


class Kubectl:
    """kubectl in one namespace."""

    def __init__(self, config: Path, namespace: str = "default") -> None:
        self.config = config
        self.namespace = namespace

    async def __call__(self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 100) -> str:
        """Run it and return what it says. Raises `Refused` when it ends with an error."""
        told = (f"--kubeconfig={self.config}", f"--namespace={self.namespace}")
        return await run(need("kubectl"), *told, *arguments, stdin=stdin, timeout_seconds=timeout_seconds)

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return the object; raises `Refused` when it is not there."""
        found: dict[str, Any] = json.loads(await self("get", kind, name, "--output=json"))
        return found

    async def list(self, kinds: str, selector: str = "") -> list[dict[str, Any]]:
        """Return all objects of these kinds (with commas between them)."""
        found = json.loads(await self("get", kinds, f"--selector={selector}", "--output=json"))
        return list(found["items"])

    async def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Create or change objects."""
        await self("apply", "--filename=-", stdin=yaml.safe_dump_all(manifests))

    async def gone(self, kinds: str, timeout_seconds: float = 60) -> None:
        """Wait until there are none of these kinds."""

        async def none() -> bool:
            return not await self.list(kinds)

        await eventually(none, timeout_seconds, f"no {kinds} are left in {self.namespace}")


class Helm:
    """The real helm in one namespace, with one chart."""

    def __init__(self, kubectl: Kubectl, home: Path) -> None:
        self._kubectl = kubectl
        self._home = home

    async def __call__(self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 300) -> str:
        """Run it and return what it says. Raises `Refused` when it ends with an error."""
        told = (f"--kubeconfig={self._kubectl.config}", f"--namespace={self._kubectl.namespace}")
        homes = {f"HELM_{kind}_HOME": str(self._home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return await run(
            str(programs.helm()), *arguments, *told, stdin=stdin, environment=homes, timeout_seconds=timeout_seconds
        )

    async def install(self, release: str, values: Mapping[str, Any], files: Sequence[Path] = (), *more: str) -> str:
        """Install the chart with the values files, and the values over them."""
        return await self._with_values("install", release, values, files, *more)

    async def upgrade(self, release: str, values: Mapping[str, Any], files: Sequence[Path] = (), *more: str) -> str:
        """Upgrade to these values, whatever they were."""
        return await self._with_values("upgrade", release, values, files, "--reset-values", *more)

    async def _with_values(
        self, verb: str, release: str, values: Mapping[str, Any], files: Sequence[Path], *more: str
    ) -> str:
        told = [f"--values={file}" for file in files]
        return await self(verb, release, str(CHART), *told, "--values=-", *more, stdin=yaml.safe_dump(dict(values)))


__all__ = ["CHART", "VERSION", "Helm", "Kubectl", "Refused", "kubeconfig"]
