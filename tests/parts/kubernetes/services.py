"""What all nodes share: Services (kube-proxy) and their names (CoreDNS)."""

from pathlib import Path

import yaml

from parts.kubernetes.control_plane import PODS, ControlPlane, Program
from parts.kubernetes.machine import MACHINE, Machine
from parts.ports import free_port

COREFILE = """\
.:53 {{
    bind {address}
    errors
    health {address}:{health}
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {config} tests
        ttl 5
    }}
}}
"""


def proxy(directory: Path, machine: Machine, plane: ControlPlane) -> Program:
    """kube-proxy for the whole machine: its nodes have one network."""
    directory.mkdir(parents=True)
    health = free_port()
    told = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": PODS,
        "hostnameOverride": "node-1",
        "clientConnection": {"kubeconfig": str(plane.config("system:kube-proxy"))},
        "healthzBindAddress": f"{MACHINE}:{health}",
        "metricsBindAddress": f"{MACHINE}:{free_port()}",
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "0s"},
        # These limits are the whole kernel's, and stay as they are.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    file = directory / "config.yaml"
    file.write_text(yaml.safe_dump(told))
    url = f"http://{MACHINE}:{health}/healthz"
    return Program("kube-proxy", directory, url, f"--config={file}", within=machine.network)


def dns(directory: Path, machine: Machine, plane: ControlPlane) -> Program:
    """CoreDNS, on the machine's own address."""
    directory.mkdir(parents=True)
    health = free_port()
    file = directory / "Corefile"
    config = plane.config("system:dns", "system:masters")
    file.write_text(COREFILE.format(address=MACHINE, health=health, config=config))
    url = f"http://{MACHINE}:{health}/health"
    return Program("dns", directory, url, f"-conf={file}", within=machine.network)
