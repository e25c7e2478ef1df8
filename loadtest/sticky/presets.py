"""What the chart's presets say, in the words that a proxy without Kubernetes is told them in."""

from dataclasses import dataclass
from typing import Any, Final

from parts.helm import render

HOST: Final = "realtime.shop.example"
TRANSPORTS: Final = {
    "polling": ("polling",),
    "upgrading": ("polling", "websocket"),
    "websocket": ("websocket",),
}


@dataclass(frozen=True)
class Preset:
    """One rendered preset. `cookie` is None without stickiness; `annotations` those of Ingress and Service together."""

    name: str
    cookie: str | None
    idle_seconds: int
    health_path: str | None
    annotations: dict[str, str]
    manifests: list[dict[str, Any]]


def read_preset(name: str, *, sticky: bool) -> Preset:
    """Render the chart with a preset, and read its cookie, its timeout and its health check from what comes out."""
    manifests = render(_values(name, sticky=sticky))
    mine = [one for one in manifests if one["metadata"]["name"] == "realtime"]
    annotations = {
        key: value
        for one in mine
        if one["kind"] in {"Ingress", "Service"}
        for key, value in one["metadata"].get("annotations", {}).items()
    }
    kinds = {one["kind"]: one for one in mine}
    if name == "envoy-gateway":
        rule = kinds["HTTPRoute"]["spec"]["rules"][0]
        policy = kinds["BackendTrafficPolicy"]["spec"]
        cookie = rule.get("sessionPersistence", {}).get("sessionName")
        idle = policy["timeout"]["http"]["streamIdleTimeout"]
        health_path = policy["healthCheck"]["active"]["http"]["path"]
    else:
        prefix = {"haproxy": "haproxy.org/", "nginx": "nginx.ingress.kubernetes.io/"}.get(
            name, "traefik.ingress.kubernetes.io/service."
        )
        said = {key.removeprefix(prefix): value for key, value in annotations.items()}
        cookie = said.get("cookie-persistence") or said.get("session-cookie-name") or said.get("sticky.cookie.name")
        # Traefik's is its entry points' own.
        idle = said.get("timeout-server") or said.get("proxy-read-timeout") or "180s"
        health_path = said.get("check-http")
    assert (cookie is not None) == sticky, f"{name} says {cookie} where stickiness is {sticky}"
    return Preset(name, cookie, int(idle.removesuffix("s")), health_path, annotations, manifests)


def _values(name: str, *, sticky: bool) -> dict[str, Any]:
    sockets = {} if sticky else {"sockets": {"transports": ["websocket"]}}
    return {
        "auth": {"secret": "of nobody, and of forty characters at least"},
        "redis": {"url": "redis://redis:6379/0"},
        "settings": {"kafka": {"bootstrapServers": "kafka:9092"}} | sockets,
        "ingress": {
            "preset": name,
            "host": HOST,
            # Clients on this machine come by plain HTTP, and keep no Secure cookie then.
            "tls": {"enabled": False},
            "sticky": {"enabled": sticky},
            "gateway": {"parentRefs": [{"name": "public"}]},
        },
    }
