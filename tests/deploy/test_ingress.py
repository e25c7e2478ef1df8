"""What each ingress preset says to its controller, and what it refuses."""

import copy
from typing import Any

import pytest

from parts.helm import RenderFailed, render
from parts.helm_values import minimal
from parts.manifests import one

HOST = "realtime.shop.example"
PARENTS = [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
INGRESSES = ["traefik", "haproxy", "alb", "nginx"]
GATEWAYS = ["gateway-api", "envoy-gateway"]
WEBSOCKET = {"sockets": {"transports": ["websocket"]}}


def with_ingress(preset: str, settings: dict[str, Any] | None = None, **ingress: Any) -> dict[str, Any]:
    """Values with that preset, and what must stand beside it."""
    ingress = {"preset": preset, "host": HOST} | ingress
    if preset in GATEWAYS:
        ingress["gateway"] = {"parentRefs": PARENTS} | ingress.get("gateway", {})
    kafka = {"bootstrapServers": "kafka:9092"}
    return {
        "auth": {"secret": "s" * 40},
        "redis": {"url": "redis://redis:6379/0"},
        "settings": {"kafka": kafka} | (settings or {}),
        "ingress": ingress,
    }


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def the(manifests: list[dict[str, Any]], kind: str) -> Any:
    """The one of that kind; of Services, the public one."""
    found = [one for one in of_kind(manifests, kind) if one["metadata"]["name"] == "realtime"]
    assert len(found) == 1, [one["metadata"]["name"] for one in of_kind(manifests, kind)]
    return found[0]


def told(manifests: list[dict[str, Any]], prefix: str) -> dict[str, str]:
    """What the annotations of the Ingress and of the Service say to one controller."""
    both = the(manifests, "Ingress")["metadata"].get("annotations", {}) | the(manifests, "Service")["metadata"].get(
        "annotations", {}
    )
    assert all(isinstance(value, str) for value in both.values())
    return {name.removeprefix(prefix): value for name, value in both.items() if name.startswith(prefix)}


# -- what is public -------------------------------------------------------------------------------------------------


def test_without_a_preset_nothing_is_made() -> None:
    values = with_ingress("none")
    kinds = {manifest["kind"] for manifest in render(values)}
    assert not kinds & {"Ingress", "HTTPRoute", "BackendTrafficPolicy"}
    assert "annotations" not in the(render(values), "Service")["metadata"]


@pytest.mark.parametrize("preset", INGRESSES)
@pytest.mark.parametrize("rest", [False, True])
def test_an_ingress_sends_the_public_paths_and_no_others_to_the_public_service(preset: str, rest: bool) -> None:
    manifests = render(with_ingress(preset, exposeRest=rest, className="edge", tls={"secretName": "shop-tls"}))
    spec = the(manifests, "Ingress")["spec"]
    (rule,) = spec["rules"]
    assert rule["host"] == HOST
    assert [path["path"] for path in rule["http"]["paths"]] == ["/socket.io/", "/realtime/"][: 2 if rest else 1]
    for path in rule["http"]["paths"]:
        assert path["pathType"] == "Prefix"
        assert path["backend"]["service"] == {"name": "realtime", "port": {"name": "http"}}
    assert "http" in [port["name"] for port in the(manifests, "Service")["spec"]["ports"]]
    assert spec["ingressClassName"] == "edge"
    if preset == "alb":
        assert "tls" not in spec  # its certificates are ACM's
    else:
        assert spec["tls"] == [{"hosts": [HOST], "secretName": "shop-tls"}]


@pytest.mark.parametrize("preset", GATEWAYS)
@pytest.mark.parametrize("rest", [False, True])
def test_a_route_sends_the_public_paths_and_no_others_to_the_public_service(preset: str, rest: bool) -> None:
    manifests = render(with_ingress(preset, exposeRest=rest) | {"service": {"port": 8080}})
    spec = the(manifests, "HTTPRoute")["spec"]
    assert spec["parentRefs"] == PARENTS
    assert spec["hostnames"] == [HOST]
    paths = [rule["matches"][0]["path"] for rule in spec["rules"]]
    assert paths == [{"type": "PathPrefix", "value": path} for path in ["/socket.io", "/realtime"][: 2 if rest else 1]]
    assert all(rule["backendRefs"] == [{"name": "realtime", "port": 8080}] for rule in spec["rules"])
    assert spec["rules"][0]["timeouts"] == {"request": "0s"}
    assert len(of_kind(manifests, "BackendTrafficPolicy")) == (preset == "envoy-gateway")


@pytest.mark.parametrize("preset", INGRESSES + GATEWAYS)
def test_annotations_and_labels_of_ones_own_go_over_the_presets(preset: str) -> None:
    name = "nginx.ingress.kubernetes.io/proxy-buffering"
    values = with_ingress(preset, annotations={name: "on", "x": "y"}, labels={"team": "edge"})
    values["service"] = {"annotations": {"traefik.ingress.kubernetes.io/service.sticky.cookie.name": "mine"}}
    manifests = render(values)
    kind = "HTTPRoute" if preset in GATEWAYS else "Ingress"
    metadata = the(manifests, kind)["metadata"]
    assert (metadata["annotations"][name], metadata["annotations"]["x"]) == ("on", "y")
    assert metadata["labels"]["team"] == "edge"
    service = the(manifests, "Service")["metadata"]["annotations"]
    assert service["traefik.ingress.kubernetes.io/service.sticky.cookie.name"] == "mine"


# -- stickiness -----------------------------------------------------------------------------------------------------


def test_traefik_is_told_at_the_service() -> None:
    say = told(
        render(with_ingress("traefik", sticky={"sameSite": "None", "maxAgeSeconds": 3600})),
        "traefik.ingress.kubernetes.io/service.sticky.",
    )
    assert say == {
        "cookie": "true",
        "cookie.name": "realtime",
        "cookie.httponly": "true",
        "cookie.secure": "true",
        "cookie.path": "/socket.io/",
        "cookie.samesite": "none",
        "cookie.maxage": "3600",
    }


def test_haproxytech_is_told_at_the_service() -> None:
    say = told(render(with_ingress("haproxy", sticky={"cookieName": "pod"})), "haproxy.org/")
    assert say == {
        "cookie-persistence": "pod",
        "load-balance": "leastconn",
        "timeout-server": "90s",
        "check": "true",
        "check-http": "/health/ready",
        "check-interval": "2s",
        "forwarded-for": "true",
        "server-ssl": "false",
    }


def test_haproxy_ingress_is_told_at_the_ingress() -> None:
    values = with_ingress("haproxy", haproxy={"controller": "haproxy-ingress"}, sticky={"sameSite": "Strict"})
    say = told(render(values), "haproxy-ingress.github.io/")
    assert say["affinity"] == "cookie"
    assert say["session-cookie-name"] == "realtime"
    assert say["session-cookie-keywords"] == "indirect nocache httponly secure attr SameSite=Strict"
    assert say["session-cookie-value-strategy"] == "pod-uid"
    assert say["timeout-tunnel"] == say["timeout-server"] == "90s"
    assert say["health-check-uri"] == "/health/ready"
    assert not told(render(values), "haproxy.org/")


def test_nginx_moves_nobody_who_is_there_to_new_pods() -> None:
    say = told(render(with_ingress("nginx", sticky={"sameSite": "Lax"})), "nginx.ingress.kubernetes.io/")
    assert (say["affinity"], say["affinity-mode"]) == ("cookie", "persistent")
    assert say["session-cookie-name"] == "realtime"
    assert say["session-cookie-samesite"] == "Lax"
    assert say["session-cookie-secure"] == "true"
    assert say["proxy-read-timeout"] == say["proxy-send-timeout"] == "90"
    assert say["proxy-buffering"] == "off"


def test_an_alb_knows_pods_themselves_and_waits_for_them_as_long_as_they_drain() -> None:
    settings = {"drain": {"settleSeconds": 10, "graceSeconds": 50}}
    values = with_ingress("alb", settings, alb={"scheme": "internet-facing", "certificateArn": "arn:aws:acm:x"})
    say = told(render(values), "alb.ingress.kubernetes.io/")
    assert say["target-type"] == "ip"
    assert say["scheme"] == "internet-facing"
    assert say["healthcheck-path"] == "/health/ready"
    assert say["load-balancer-attributes"] == "idle_timeout.timeout_seconds=90"
    assert say["certificate-arn"] == "arn:aws:acm:x"
    assert say["ssl-redirect"] == "443"
    assert dict(pair.split("=") for pair in say["target-group-attributes"].split(",")) == {
        "deregistration_delay.timeout_seconds": "60",
        "load_balancing.algorithm.type": "least_outstanding_requests",
        "stickiness.enabled": "true",
        "stickiness.type": "lb_cookie",
        "stickiness.lb_cookie.duration_seconds": "86400",
    }


@pytest.mark.parametrize("preset", GATEWAYS)
def test_a_route_keeps_a_client_with_its_pod(preset: str) -> None:
    rule = the(render(with_ingress(preset)), "HTTPRoute")["spec"]["rules"][0]
    assert rule["sessionPersistence"] == {"sessionName": "realtime", "type": "Cookie"}
    rule = the(render(with_ingress(preset, sticky={"maxAgeSeconds": 600})), "HTTPRoute")["spec"]["rules"][0]
    assert rule["sessionPersistence"]["absoluteTimeout"] == "600s"
    assert rule["sessionPersistence"]["cookieConfig"] == {"lifetimeType": "Permanent"}


def test_envoy_gateway_can_hash_a_cookie_instead() -> None:
    values = with_ingress("envoy-gateway", gateway={"affinity": "consistentHash"}, sticky={"sameSite": "None"})
    manifests = render(values)
    assert "sessionPersistence" not in the(manifests, "HTTPRoute")["spec"]["rules"][0]
    policy = the(manifests, "BackendTrafficPolicy")["spec"]
    assert policy["targetRefs"][0]["name"] == the(manifests, "HTTPRoute")["metadata"]["name"]
    assert policy["loadBalancer"]["consistentHash"]["cookie"] == {
        "name": "realtime",
        "ttl": "86400s",
        "attributes": {"HttpOnly": "", "Secure": "", "SameSite": "None"},
    }
    assert policy["timeout"]["http"]["streamIdleTimeout"] == "90s"
    assert policy["healthCheck"]["active"]["http"]["path"] == "/health/ready"


@pytest.mark.parametrize("preset", INGRESSES + GATEWAYS)
def test_without_stickiness_no_controller_is_told_of_a_cookie(preset: str) -> None:
    manifests = render(with_ingress(preset, WEBSOCKET, sticky={"enabled": False}))
    public = [one for one in manifests if one["kind"] in {"Ingress", "HTTPRoute", "BackendTrafficPolicy", "Service"}]
    told_of = copy.deepcopy(public)
    for word in ("ookie", "stickiness", "affinity", "sessionPersistence", "consistentHash"):
        assert word not in str(told_of)


@pytest.mark.parametrize("preset", INGRESSES)
def test_pods_that_serve_tls_are_spoken_to_by_https(preset: str) -> None:
    for controller in ("haproxytech", "haproxy-ingress"):
        values = with_ingress(preset, haproxy={"controller": controller})
        values["http"] = {"tls": {"existingSecret": {"name": "pod-tls"}}}
        manifests = render(values)
        said = told(manifests, "")
        https = {
            "traefik.ingress.kubernetes.io/service.serversscheme": "https",
            "haproxy.org/server-ssl": "true",
            "haproxy-ingress.github.io/secure-backends": "true",
            "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
            "alb.ingress.kubernetes.io/backend-protocol": "HTTPS",
        }
        assert sum(said.get(name) == value for name, value in https.items()) == 1


# -- what is refused ------------------------------------------------------------------------------------------------

SLOW_PINGS = {"sockets": {"pingIntervalSeconds": 2000, "pingTimeoutSeconds": 100}}
REFUSED = [
    ("traefik", {}, {"host": ""}, "ingress.host is empty: name the host"),
    ("envoy-gateway", {}, {"gateway": {"parentRefs": []}}, "ingress.gateway.parentRefs is empty"),
    ("traefik", {}, {"sticky": {"enabled": False}}, "ingress.sticky.enabled is false, but clients may poll (polling without"),
    ("alb", {}, {"sticky": {"enabled": False}}, "Set settings.sockets.transports to [websocket], or"),
    (
        "nginx",
        {"sockets": {"transports": ["polling", "websocket"]}},
        {"sticky": {"enabled": False}},
        "polling without stickiness",
    ),
    ("nginx", {}, {"idleTimeoutSeconds": 45}, "is 45, but a websocket may be silent for 45 s (settings.sockets.pingInterval"),
    ("alb", SLOW_PINGS, {}, "ingress.idleTimeoutSeconds is 4200, but an ALB takes 4000 at most"),
    ("alb", {}, {"sticky": {"cookieName": "pod"}}, "ingress.sticky.cookieName is pod, but an ALB names its cookies itself"),
    ("alb", {}, {"sticky": {"sameSite": "None"}}, "ingress.sticky.sameSite is set, but an ALB"),
    ("haproxy", {}, {"sticky": {"sameSite": "None"}}, "haproxytech's controller cannot set it"),
    ("gateway-api", {}, {"sticky": {"sameSite": "None"}}, "sessionPersistence of the Gateway API has no place for it"),
    ("envoy-gateway", {}, {"sticky": {"sameSite": "Lax"}}, "ingress.gateway.affinity: consistentHash"),
    ("traefik", {}, {"sticky": {"sameSite": "None"}, "tls": {"enabled": False}}, "Set ingress.tls.enabled to true"),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "settings", "ingress", "words"), REFUSED)
def test_what_would_not_work_is_refused_and_says_what_to_do(
    preset: str, settings: dict[str, Any], ingress: dict[str, Any], words: str
) -> None:
    with pytest.raises(RenderFailed) as refused:
        render(with_ingress(preset, settings, **ingress))
    assert words in str(refused.value)
    assert "ingress." in str(refused.value)


@pytest.mark.parametrize("preset", GATEWAYS)
def test_a_gateway_before_pods_that_serve_tls_is_refused(preset: str) -> None:
    values = with_ingress(preset) | {"http": {"tls": {"existingSecret": {"name": "pod-tls"}}}}
    with pytest.raises(RenderFailed, match="BackendTLSPolicy"):
        render(values)


@pytest.mark.parametrize("preset", INGRESSES)
def test_the_idle_timeout_follows_the_pings(preset: str) -> None:
    values = with_ingress(preset, {"sockets": {"pingIntervalSeconds": 40, "pingTimeoutSeconds": 10.5}})
    if preset == "traefik":
        render(values)  # its timeouts are those of its entry points
    else:
        assert any("102" in value for value in told(render(values), "").values())


def test_envoy_takes_more_than_its_thousand_connections() -> None:
    policy = one(
        render(
            minimal(
                ingress={
                    "preset": "envoy-gateway",
                    "host": "a.shop.test",
                    "gateway": {"parentRefs": [{"name": "public"}]},
                }
            )
        ),
        "BackendTrafficPolicy",
    )

    limits = policy["spec"]["circuitBreaker"]
    assert (
        min(limits["maxConnections"], limits["maxParallelRequests"]) >= 20 * 50_000
    )  # as many as the chart's most pods take
    assert all(isinstance(limit, int) for limit in limits.values())
