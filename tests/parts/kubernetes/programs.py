"""What a cluster is made of, built from source once for all runs; the Go module proxy has it all.

Kubernetes is no module that others can install: its go.mod replaces its own libraries by directories beside it. The
module in `go` requires them at the versions that were released together, and its go.sum says what they hold.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from parts.cache import made_once
from parts.needs import need

_MODULE = Path(__file__).parent / "go"


def _version(module: str) -> str:
    found = re.search(rf"^\t{re.escape(module)} v(\S+)$", (_MODULE / "go.mod").read_text(), re.MULTILINE)
    assert found, f"go.mod does not require {module}"
    return found[1]


KUBERNETES = _version("k8s.io/kubernetes")
HELM = "4.3.2"
ADAPTER = "0.12.0"

# Each is linked once, and called by these names.
_PROGRAMS = {
    "plane": ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    "node": ("kubelet", "kube-proxy"),
    "dns": (),
    "pause": (),
}

# Where Kubernetes' own build writes which version it is: charts ask for it.
_TOLD = "k8s.io/component-base/version"

# Custom resources that the chart can make, each from the module of its owner.
_DEFINITIONS = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": [
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ],
    "github.com/kedacore/keda/v2@v2.21.0": [
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ],
    "github.com/envoyproxy/gateway@v1.9.1": [
        "charts/gateway-crds-helm/templates/generated/gateway.envoyproxy.io_backendtrafficpolicies.yaml",
    ],
    "sigs.k8s.io/gateway-api@v1.4.1": [
        "config/crd/standard/gateway.networking.k8s.io_gateways.yaml",
        "config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml",
    ],
}


def kubernetes() -> Path:
    """Return the directory of Kubernetes' programs, etcd, a CoreDNS (`dns`) and what holds a pod together (`pause`)."""
    return made_once(f"kubernetes-{KUBERNETES}", _build_kubernetes)


def helm() -> Path:
    """Return where the real `helm` is."""
    return made_once(f"helm-{HELM}", lambda at: _install(f"helm.sh/helm/v4/cmd/helm@v{HELM}", at)) / "helm"


def adapter() -> Path:
    """Return where prometheus-adapter is, which gives Prometheus' numbers to a HorizontalPodAutoscaler."""
    return made_once(f"prometheus-adapter-{ADAPTER}", _build_adapter) / "adapter"


def definitions() -> list[str]:
    """Return the definitions of custom resources that the chart can make, a file each."""
    found: list[str] = []
    for module, files in _DEFINITIONS.items():
        told = json.loads(_go(Path.cwd(), "mod", "download", "-json", module))
        for file in files:
            lines = (Path(told["Dir"]) / file).read_text().splitlines(keepends=True)
            # Some are a chart's, and wholly within one condition.
            found.append("".join(line for line in lines if not line.startswith("{{")))
    return found


def _build_kubernetes(at: Path) -> None:
    for program, names in _PROGRAMS.items():
        flags = f"-ldflags=-s -w -X {_TOLD}.gitVersion=v{KUBERNETES}"
        _go(_MODULE, "build", "-p=2", "-trimpath", flags, "-o", str(at / program), f"./{program}")
        for name in names:
            (at / name).symlink_to(program)


def _build_adapter(at: Path) -> None:
    # Within the module: `go install` would ask for its list of versions, which the proxy does not have.
    told = json.loads(_go(at, "mod", "download", "-json", f"sigs.k8s.io/prometheus-adapter@v{ADAPTER}"))
    _go(Path(told["Dir"]), "build", "-p=2", "-trimpath", "-ldflags=-s -w", "-o", str(at / "adapter"), "./cmd/adapter")


def _install(package: str, at: Path) -> None:
    _go(at, "install", "-p=2", "-trimpath", "-ldflags=-s -w", package, GOBIN=str(at))


def _go(directory: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        ["nice", need("go"), *arguments],
        cwd=directory,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"go {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


def may_run_nodes() -> bool:
    """Whether this machine can be a node: containers need root, and containerd, runc and the CNI plugins."""
    return os.geteuid() == 0 and all(map(shutil.which, ("containerd", "runc", "ip", "iptables")))
