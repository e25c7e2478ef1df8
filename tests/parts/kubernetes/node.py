"""A node: Debian's containerd and runc, a kubelet, the CNI's own bridge; and what all nodes share."""

import json
import shutil
from pathlib import Path

import yaml

from parts.kubernetes.commands import Refused, run
from parts.kubernetes.control_plane import PODS, ControlPlane, Program
from parts.kubernetes.machine import MACHINE, Holder, Machine
from parts.ports import free_port
from parts.waiting import eventually

PAUSE = "registry.test/pause:1"
_CGROUPS = Path("/sys/fs/cgroup")

CONTAINERD = """\
version = 2
root = "{at}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  max_container_log_line_size = -1
  enable_selinux = false
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{at}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""

# Where these programs keep things by names of their own, a node has its own, that end with it.
_MOUNTS = """\
mount --make-rshared /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/kubelet
mount --bind {logs} /var/log
"""


class Containerd(Program):
    """Debian's containerd."""

    def __init__(self, at: Path, socket: Path, within: tuple[str, ...]) -> None:
        self._socket = socket
        super().__init__("containerd", at / "containerd-log", "", within=within)
        self._command = [*within, "containerd", f"--config={at / 'containerd.toml'}"]

    async def is_ready(self) -> bool:
        try:
            await run("ctr", f"--address={self._socket}", "version", timeout_seconds=5)
        except (Refused, TimeoutError):
            return False
        return True


class Node:
    """One node of the cluster. `kill` is a power cut: its containers end with it."""

    def __init__(self, directory: Path, number: int, machine: Machine, plane: ControlPlane) -> None:
        self.name = f"node-{number}"
        self._at = directory / self.name
        self._number = number
        self._machine = machine
        self._plane = plane
        self._cgroup = f"realtime-tests-{self.name}"
        self._socket = self._at / "containerd.sock"
        self._holder: Holder | None = None
        self._programs: list[Program] = []

    async def start(self, *images: Path) -> None:
        """Start it with the images in these archives, and wait until the cluster finds it ready."""
        (self._at / "logs").mkdir(parents=True)
        self._write()
        self._holder = Holder(
            self.name,
            self._at / "holder",
            *("--mount", "--pid", "--mount-proc"),
            within=self._machine.network,
            init=_MOUNTS.format(logs=self._at / "logs"),
        )
        await self._holder.start()
        self.within = ("nsenter", f"--target={self._holder.first}", "--net", "--mount", "--pid")
        for hierarchy in _CGROUPS.iterdir():
            (hierarchy / self._cgroup).mkdir(exist_ok=True)
        containerd = Containerd(self._at, self._socket, self.within)
        self._programs.append(containerd)
        await containerd.start()
        for image in images:
            await self._import(image)
        kubelet = Program(
            "kubelet",
            self._at / "kubelet-log",
            f"http://{MACHINE}:{self._health}/healthz",
            f"--config={self._at / 'kubelet.yaml'}",
            f"--kubeconfig={self._plane.config(f'system:node:{self.name}', 'system:nodes')}",
            f"--hostname-override={self.name}",
            f"--node-ip={MACHINE}",
            f"--root-dir={self._at / 'kubelet'}",
            f"--cert-dir={self._at / 'kubelet-pki'}",
            within=self.within,
        )
        self._programs.append(kubelet)
        await kubelet.start()
        await eventually(self._is_ready, 90, f"the cluster finds {self.name} ready")

    async def _is_ready(self) -> bool:
        found = await self._plane.kubectl.list("nodes", f"kubernetes.io/hostname={self.name}")
        conditions = [condition for node in found for condition in node["status"].get("conditions", [])]
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    async def _import(self, image: Path) -> None:
        await self.ctr("images", "import", str(image))
        for name in (await self.ctr("images", "list", "--quiet")).split():
            # What has no registry, podman says to be of localhost, and Kubernetes to be of docker.io/library.
            if name.startswith("localhost/"):
                await self.ctr("images", "tag", "--force", name, name.replace("localhost/", "docker.io/library/", 1))

    async def ctr(self, *arguments: str) -> str:
        """Ask containerd."""
        told = ("ctr", f"--address={self._socket}", "--namespace=k8s.io")
        return await run(*self.within, *told, *arguments, timeout_seconds=200)

    async def kill(self) -> None:
        if self._holder is None:
            return
        await self._holder.kill()
        for program in self._programs:
            await program.kill()
        await eventually(self._without_cgroups, 20, f"the processes of {self.name} are gone")
        shutil.rmtree(self._at / "containerd", ignore_errors=True)

    def _without_cgroups(self) -> bool:
        for hierarchy in _CGROUPS.iterdir():
            below = [path for path in (hierarchy / self._cgroup).rglob("*") if path.is_dir()]
            for group in [*sorted(below, reverse=True), hierarchy / self._cgroup]:
                try:
                    group.rmdir()
                except FileNotFoundError:
                    continue
                except OSError:
                    return False
        return True

    def _write(self) -> None:
        (self._at / "containerd.toml").write_text(CONTAINERD.format(at=self._at, socket=self._socket, pause=PAUSE))
        (self._at / "cni").mkdir()
        subnet = PODS.replace("0.0/16", f"{self._number}.0/24")
        network = {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": f"pods-{self._number}",
                    "isDefaultGateway": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(self._at / "addresses"),
                        "ranges": [[{"subnet": subnet}]],
                    },
                }
            ],
        }
        (self._at / "cni" / "pods.conflist").write_text(json.dumps(network))
        self._health = free_port()
        kubelet = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": MACHINE,
            "port": free_port(),
            "healthzBindAddress": MACHINE,
            "healthzPort": self._health,
            "authentication": {
                "anonymous": {"enabled": False},
                "x509": {"clientCAFile": str(self._plane.authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "failCgroupV1": False,
            "enforceNodeAllocatable": ["pods"],
            "clusterDomain": "cluster.local",
            "clusterDNS": [MACHINE],
            "resolvConf": "",
            "podLogsDir": "/var/log/pods",
            # The disk is the whole machine's: it is nobody's business here how full it is.
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "3s",
            "syncFrequency": "10s",
        }
        (self._at / "kubelet.yaml").write_text(yaml.safe_dump(kubelet))
