"""Envoy, set up as Envoy Gateway sets it up for the rendered route and policy."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from parts.needs import need
from sticky.proxy import Proxy

_HTTP: Final = "type.googleapis.com/envoy.extensions.filters.http"
_NETWORK: Final = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
_COOKIE: Final = "type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState"


class Envoy(Proxy):
    """Its filter for sticky sessions is the one that `sessionPersistence` becomes; it looks after its pods itself."""

    equivalence = (
        "the filter, route and cluster that Envoy Gateway 1.9 makes of the rendered HTTPRoute and policy, by hand"
    )

    def _command(self, directory: Path) -> Sequence[str]:
        return [
            need("envoy"),
            *("--config-path", str(directory / "envoy.json"), "--disable-hot-restart", "--concurrency", "1"),
            *("--log-level", "error"),
        ]

    def _write(self) -> None:
        (self.directory / "envoy.json").write_text(json.dumps(self._bootstrap(), indent=1))

    def _bootstrap(self) -> dict[str, Any]:
        manager = {
            "@type": _NETWORK,
            "stat_prefix": "http",
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "use_remote_address": True,
            "http_filters": [*self._sticky_filter(), _typed("router", "router.v3.Router")],
            "route_config": {"virtual_hosts": [{"name": "realtime", "domains": ["*"], "routes": [self._route()]}]},
        }
        listener = {
            "name": "http",
            "address": _address(self.port),
            "filter_chains": [
                {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
            ],
        }
        return {"static_resources": {"listeners": [listener], "clusters": [self._cluster()]}}

    def _sticky_filter(self) -> list[dict[str, Any]]:
        if self.preset.cookie is None:
            return []
        cookie = {"@type": _COOKIE, "cookie": {"name": self.preset.cookie, "path": "/socket.io"}}
        state = {"name": "envoy.http.stateful_session.cookie", "typed_config": cookie}
        return [_typed("stateful_session", "stateful_session.v3.StatefulSession", session_state=state)]

    def _route(self) -> dict[str, Any]:
        rule = next(one for one in self.preset.manifests if one["kind"] == "HTTPRoute")["spec"]["rules"][0]
        return {
            "match": {"prefix": "/"},
            "route": {
                "cluster": "realtime",
                "timeout": rule["timeouts"]["request"],
                "idle_timeout": f"{self.preset.idle_seconds}s",
            },
        }

    def _cluster(self) -> dict[str, Any]:
        policy = next(one for one in self.preset.manifests if one["kind"] == "BackendTrafficPolicy")["spec"]
        check = policy["healthCheck"]["active"]
        endpoints = [{"endpoint": {"address": _address(port)}} for port in self._pods.values()]
        return {
            "name": "realtime",
            "type": "STATIC",
            "connect_timeout": "10s",
            "lb_policy": {"LeastRequest": "LEAST_REQUEST"}[policy["loadBalancer"]["type"]],
            "load_assignment": {"cluster_name": "realtime", "endpoints": [{"lb_endpoints": endpoints}]},
            "health_checks": [
                {
                    "interval": check["interval"],
                    "timeout": check["timeout"],
                    "unhealthy_threshold": check["unhealthyThreshold"],
                    "healthy_threshold": check["healthyThreshold"],
                    "no_traffic_interval": check["interval"],
                    "http_health_check": {"path": check["http"]["path"], "host": "realtime"},
                }
            ],
        }


def _typed(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": f"{_HTTP}.{kind}", **more}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
