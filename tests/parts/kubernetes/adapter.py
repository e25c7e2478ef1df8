"""prometheus-adapter, over a Prometheus, with the rules that the chart carries for it."""

from pathlib import Path
from typing import Any

import yaml

from parts.child import Child
from parts.http import get
from parts.kubernetes import programs
from parts.ports import free_port
from parts.prometheus_adapter import VALUES


class Adapter(Child):
    """Kubernetes asks it once it has applied the `registration`."""

    part = "prometheus-adapter"
    start_timeout_seconds = 90.0

    def __init__(self, directory: Path, prometheus_url: str, kubeconfig: Path) -> None:
        self.port = free_port()
        directory.mkdir(parents=True)
        rules = yaml.safe_load(VALUES.read_text())["rules"]
        configuration = directory / "configuration.yaml"
        # As its chart writes it.
        configuration.write_text(yaml.safe_dump({"rules": rules["custom"], "externalRules": rules["external"]}))
        command = [
            str(programs.adapter()),
            f"--config={configuration}",
            f"--prometheus-url={prometheus_url}",
            "--metrics-relist-interval=1s",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={directory / 'certificates'}",
            f"--lister-kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
        ]
        super().__init__(f"prometheus-adapter {programs.ADAPTER}", command, directory)

    async def is_ready(self) -> bool:
        response = await get(f"https://127.0.0.1:{self.port}/healthz")
        return response is not None and response.status_code == 200

    def registration(self, namespace: str) -> list[dict[str, Any]]:
        """What makes Kubernetes ask it: a name for where it is, and the APIs that it serves."""
        place = {"name": "prometheus-adapter", "namespace": namespace}
        service = {"type": "ExternalName", "externalName": "localhost"}
        objects: list[dict[str, Any]] = [
            {"apiVersion": "v1", "kind": "Service", "metadata": {**place}, "spec": service}
        ]
        for group in ("custom.metrics.k8s.io", "external.metrics.k8s.io"):
            spec = {
                "group": group,
                "version": "v1beta1",
                "service": place | {"port": self.port},
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            }
            metadata = {"name": f"v1beta1.{group}", "labels": {"part-of": "prometheus-adapter"}}
            objects.append(
                {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec}
            )
        return objects
