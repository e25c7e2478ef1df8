"""A control plane: etcd, the API server, the controllers and the scheduler, each a process of its own."""

import socket
from pathlib import Path

import httpx
import yaml

from parts.child import Child
from parts.kubernetes.certificates import Authority, Pair, signing_key
from parts.kubernetes.clients import Kubectl, kubeconfig
from parts.kubernetes.programs import KUBERNETES, kubernetes
from parts.ports import free_port
from parts.used import note

SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
PODS = "10.244.0.0/16"


class Program(Child):
    """One program of a cluster, well when it says so at /healthz."""

    start_timeout_seconds = 90.0

    def __init__(self, name: str, directory: Path, health: str, *flags: str, within: tuple[str, ...] = ()) -> None:
        """`within` is the command that starts it elsewhere, in another network for example."""
        self._health = health
        super().__init__(name, [*within, str(kubernetes() / name), *flags], directory)

    async def is_ready(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=2.0) as client:
            try:
                return (await client.get(self._health)).status_code == 200
            except httpx.TransportError:
                return False


class ControlPlane:
    """A Kubernetes without nodes. `kubectl` is its administrator's."""

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        """`address` is where the API server listens, for nodes and pods too."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.address = address
        self.authority = Authority(directory / "authority")
        self.port = free_port()
        self.url = f"https://{address}:{self.port}"
        self._own = directory / "certificates"
        self._own.mkdir()
        self.kubectl = Kubectl(self.config("admin", "system:masters"))
        self.children = [self._etcd(), self._api_server(), self._controllers(), self._scheduler()]

    def config(self, user: str, *groups: str) -> Path:
        """Write a kubeconfig for this user."""
        file = self._own / f"{user.replace(':', '-')}.kubeconfig"
        return kubeconfig(file, self.url, self.authority, self.authority.issue(user, *groups))

    async def start(self) -> None:
        """Start everything, and wait until it is well."""
        note("Kubernetes", KUBERNETES)
        for child in self.children:
            await child.start()

    async def kill(self) -> None:
        for child in reversed(self.children):
            await child.kill()

    def _etcd(self) -> Program:
        client, peer, health = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
        self._etcd_url = client
        return Program(
            "etcd",
            self._directory / "etcd",
            f"{health}/health",
            f"--data-dir={self._directory / 'etcd' / 'data'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--listen-metrics-urls={health}",
            "--unsafe-no-fsync",  # nobody needs the data after the machine
        )

    def _api_server(self) -> Program:
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", socket.gethostname())
        server = self.authority.issue("kube-apiserver", hosts=(self.address, "127.0.0.1", API_SERVICE, *names))
        kubelets = self.authority.issue("kube-apiserver-kubelet-client", "system:masters")
        # An own authority for what it says on behalf of others: nobody else may.
        front = Authority(self._directory / "front-proxy")
        proxy = front.issue("front-proxy-client")
        self._accounts = signing_key(self._own)
        return Program(
            "kube-apiserver",
            self._directory / "kube-apiserver",
            f"{self.url}/readyz",
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.port}",
            *_tls(server),
            f"--client-ca-file={self.authority.certificate}",
            f"--kubelet-client-certificate={kubelets.certificate}",
            f"--kubelet-client-key={kubelets.key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={self._accounts.certificate}",
            f"--service-account-signing-key-file={self._accounts.key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICES}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--requestheader-client-ca-file={front.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={proxy.certificate}",
            f"--proxy-client-key-file={proxy.key}",
            # Without nodes there is no network for pods either: aggregated APIs are then found by their Service's name.
            *([] if self.address == "127.0.0.1" else ["--enable-aggregator-routing"]),
        )

    def _controllers(self) -> Program:
        port = free_port()
        return Program(
            "kube-controller-manager",
            self._directory / "kube-controller-manager",
            f"https://127.0.0.1:{port}/healthz",
            *self._client("system:kube-controller-manager", port),
            f"--root-ca-file={self.authority.certificate}",
            f"--service-account-private-key-file={self._accounts.key}",
            f"--cluster-signing-cert-file={self.authority.certificate}",
            f"--cluster-signing-key-file={self.authority.key}",
            "--use-service-account-credentials",
            # Quicker than where thousands of nodes and metrics are watched: a test waits for them.
            "--horizontal-pod-autoscaler-sync-period=2s",
            "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
            "--node-monitor-period=1s",
            "--node-monitor-grace-period=15s",
        )

    def _scheduler(self) -> Program:
        port = free_port()
        return Program(
            "kube-scheduler",
            self._directory / "kube-scheduler",
            f"https://127.0.0.1:{port}/healthz",
            *self._client("system:kube-scheduler", port),
        )

    def _client(self, user: str, port: int) -> tuple[str, ...]:
        config = self.config(user)
        return (
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={self._own / user.replace(':', '-')}",
        )


def namespace(name: str) -> dict[str, object]:
    """Return a namespace whose pods must be as the strictest of Kubernetes' three pod security standards wants them."""
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}}


def _tls(pair: Pair) -> tuple[str, str]:
    return f"--tls-cert-file={pair.certificate}", f"--tls-private-key-file={pair.key}"


def documents(file: Path) -> list[dict[str, object]]:
    """Return the objects in a file of manifests."""
    return [document for document in yaml.safe_load_all(file.read_text()) if document]
