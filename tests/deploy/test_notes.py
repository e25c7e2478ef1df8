"""What is told after an install, and what `helm test` does."""

from parts.helm import notes, render
from parts.helm_values import minimal
from parts.manifests import container, one


def test_it_is_told_what_was_installed_and_how_to_reach_it() -> None:
    told = notes(minimal(), release="live", namespace="shop")
    assert "live-realtime in shop" in told
    assert "3 pods, sockets and intake from Kafka" in told
    assert "port-forward svc/live-realtime 3009:80" in told
    assert "realtime token SOMEBODY" in told
    assert "helm test live -n shop" in told


def test_it_is_told_what_is_missing() -> None:
    told = notes(minimal(gateway={"replicas": 1}, networkPolicy={"enabled": False}))
    assert "gateway.replicas is 1" in told
    assert "gateway.autoscaling is off" in told
    assert "nobody collects /metrics" in told
    assert "networkPolicy is off" in told


def test_the_insecure_mode_is_told_loudly() -> None:
    told = notes(
        minimal(
            auth={"secret": "", "acceptInsecureDevelopmentMode": True},
            settings={"auth": {"insecureDevelopmentMode": True}},
        )
    )
    assert "ANYBODY MAY CLAIM TO BE ANYBODY" in told


def test_no_token_is_offered_where_pods_can_sign_none() -> None:
    values = minimal(auth={"secret": "", "existingSecret": {"name": "keys", "key": "k", "kind": "publicKey"}})
    assert "realtime token" not in notes(values)


def test_an_upgrade_says_how_changed_secrets_are_read() -> None:
    assert "rollout restart" not in notes(minimal())
    assert "rollout restart deployment/realtime" in notes(minimal(), is_upgrade=True)


def test_helm_test_asks_the_service_and_lets_the_doctor_look_with_a_pods_own_environment() -> None:
    manifests = render(minimal(intake={"enabled": True}, gateway={"extraEnv": [{"name": "TZ", "value": "UTC"}]}))
    test = one(manifests, "Pod")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    ready, doctor = test["spec"]["containers"]
    assert ready["command"][-1] == "http://realtime:80/health/ready"
    compile(ready["command"][2], "ready", "exec")
    assert doctor["command"] == ["realtime", "doctor"]
    pod = container(one(manifests, "Deployment", "realtime"))
    # Of both roles, for it looks at what both need.
    assert doctor["env"] == [each for each in pod["env"] if each["name"] != "REALTIME_ROLES"]
    assert doctor["envFrom"] == pod["envFrom"]
    assert doctor["volumeMounts"] == pod["volumeMounts"]


def test_the_doctor_need_not_look() -> None:
    (only,) = one(render(minimal(tests={"doctor": False})), "Pod")["spec"]["containers"]
    assert only["name"] == "ready"


def test_clients_are_sent_to_where_they_are_served() -> None:
    ingress = {"preset": "nginx", "host": "realtime.shop.example"}
    assert "Clients connect to https://realtime.shop.example, path" in notes(minimal(ingress=ingress))
    plain = notes(minimal(ingress={**ingress, "tls": {"enabled": False}}))
    assert "Clients connect to http://realtime.shop.example, path" in plain


def test_a_load_balancer_of_ones_own_must_be_sticky_while_clients_may_poll() -> None:
    balanced = {"type": "LoadBalancer"}

    assert "service.type is LoadBalancer, and clients may poll" in notes(minimal(service=balanced))
    for transports in (["websocket"], "websocket"):
        told = notes(minimal(service=balanced, settings={"sockets": {"transports": transports}}))
        assert "clients may poll" not in told
        assert 'They must say transports: ["websocket"]' in told


def test_notes_name_no_service_and_no_token_that_there_is_not() -> None:
    told = notes(
        minimal(internalService={"enabled": False}, auth={"secret": ""}, settings={"auth": {"publicKeyFile": "/k"}})
    )

    assert "realtime-internal" not in told
    assert "realtime token" not in told


def test_alerts_that_lead_nowhere_are_told() -> None:
    rules = {"prometheusRule": {"enabled": True}}
    ours = {"docsUrl": "https://docs.shop.test", "grafanaUrl": "https://grafana.shop.test"}

    assert "still lead to example.com" in notes(minimal(monitoring=rules))
    assert "still lead to example.com" not in notes(minimal(monitoring={**rules, **ours}))
