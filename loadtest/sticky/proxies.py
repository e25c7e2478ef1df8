"""The proxies, each set up as its preset says; pods that are not ready are taken out as Kubernetes takes them out."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts.needs import need
from sticky.proxy import Proxy


class Haproxy(Proxy):
    """As HAProxy Technologies' controller writes it; it looks after its servers itself."""

    equivalence = "what haproxytech's annotations are documented to write; pods by its own health check"

    def _command(self, directory: Path) -> Sequence[str]:
        return [need("haproxy"), "-db", "-f", str(directory / "haproxy.cfg")]

    def _write(self) -> None:
        said = {key.removeprefix("haproxy.org/"): value for key, value in self.preset.annotations.items()}
        cookie = f"cookie {self.preset.cookie} insert indirect nocache dynamic\n    dynamic-cookie-key realtime"
        servers = "\n".join(f"    server {pod} 127.0.0.1:{port}" for pod, port in self._pods.items())
        (self.directory / "haproxy.cfg").write_text(
            f"""\
defaults
    mode http
    option redispatch
    option http-keep-alive
    timeout connect 5s
    timeout client 50s
    timeout queue 5s
    timeout http-request 5s
    timeout http-keep-alive 1m
    timeout tunnel 1h
    timeout server {said["timeout-server"]}
frontend http
    bind 127.0.0.1:{self.port}
    default_backend realtime
backend realtime
    balance {said["load-balance"]}
    option forwardfor
    option httpchk GET {said["check-http"]}
    {cookie if self.preset.cookie else ""}
    default-server check inter {said["check-interval"]}
{servers}
"""
        )


class Nginx(Proxy):
    """Plain nginx, which has no sticky cookies of its own: it is led by one that it sets itself."""

    equivalence = (
        "plain nginx with the annotations' timeouts; a cookie that names the pod stands for the Lua balancer's"
    )

    def _command(self, directory: Path) -> Sequence[str]:
        return [need("nginx"), "-p", str(directory), "-c", "nginx.conf", "-e", "stderr"]

    def told(self, ready: Sequence[str]) -> None:
        """Read the configuration again, as no Lua is there to change it in place."""
        super().told(ready)
        self._write()
        self.signal(signal.SIGHUP)

    def _write(self) -> None:
        said = {k.removeprefix("nginx.ingress.kubernetes.io/"): v for k, v in self.preset.annotations.items()}
        every = "".join(f"        server {address};\n" for address in self.servers.values())
        upstreams = "".join(
            f"    upstream {pod} {{\n        server {address};\n        keepalive 16;\n    }}\n"
            for pod, address in self.servers.items()
        )
        chosen = "".join(f"        {pod} {pod};\n" for pod in self.servers)
        names = "".join(f'        "{address}" {pod};\n' for pod, address in self.servers.items())
        cookie = self.preset.cookie
        set_cookie = (
            f'add_header Set-Cookie "{cookie}=$served_by; Path={said.get("session-cookie-path")}; HttpOnly" always;'
        )
        (self.directory / "nginx.conf").write_text(
            f"""\
daemon off;
pid nginx.pid;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    map $upstream_addr $served_by {{
        default "";
{names}    }}
    map $cookie_{cookie or "nobody"} $chosen {{
        default every;
{chosen}    }}
    upstream every {{
{every or "        server 127.0.0.1:1;" + chr(10)}        keepalive 16;
    }}
{upstreams}
    server {{
        listen 127.0.0.1:{self.port};
        location / {{
            proxy_pass http://$chosen;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout {said["proxy-read-timeout"]}s;
            proxy_send_timeout {said["proxy-send-timeout"]}s;
            proxy_buffering {said["proxy-buffering"]};
            {set_cookie if cookie else ""}
        }}
    }}
}}
"""
        )


class Traefik(Proxy):
    """What its Ingress provider makes of the Service's annotations, given to it as a file."""

    equivalence = "the Service's annotations, word for word, by the file provider; pods as EndpointSlices tell them"

    def _command(self, directory: Path) -> Sequence[str]:
        static = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "WARN"},
            "entryPoints": {"web": {"address": f"127.0.0.1:{self.port}"}},
            "providers": {"file": {"directory": str(directory / "dynamic"), "watch": True}},
        }
        (directory / "dynamic").mkdir(parents=True, exist_ok=True)
        (directory / "traefik.yml").write_text(json.dumps(static))  # YAML, too
        return [need("traefik"), f"--configfile={directory / 'traefik.yml'}"]

    def told(self, ready: Sequence[str]) -> None:
        """Write the file anew, which it watches."""
        super().told(ready)
        self._write()

    def _write(self) -> None:
        prefix = "traefik.ingress.kubernetes.io/service.sticky.cookie."
        said = {key.removeprefix(prefix): value for key, value in self.preset.annotations.items()}
        scheme = self.preset.annotations["traefik.ingress.kubernetes.io/service.serversscheme"]
        balancer: dict[str, Any] = {"servers": [{"url": f"{scheme}://{address}"} for address in self.servers.values()]}
        if self.preset.cookie is not None:
            cookie = {"name": said["name"], "httpOnly": said["httponly"] == "true", "path": said["path"]}
            balancer["sticky"] = {"cookie": cookie | {"secure": said["secure"] == "true"}}
        dynamic = {
            "http": {
                "routers": {"realtime": {"rule": "PathPrefix(`/`)", "service": "realtime", "entryPoints": ["web"]}},
                "services": {"realtime": {"loadBalancer": balancer}},
            }
        }
        made = self.directory / "dynamic.new"
        made.write_text(json.dumps(dynamic))
        made.replace(self.directory / "dynamic" / "realtime.yml")
