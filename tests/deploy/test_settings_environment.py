"""What stands under `settings` reaches the service's own `Settings`, whatever it is."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from parts.helm import render
from parts.helm_values import SECRET, minimal
from parts.manifests import environment, one
from realtime.settings import Settings, load_settings
from realtime.settings.environment import leaves

# Each with another value than its default, where any will not do: (section, name) -> value.
CHOSEN: dict[tuple[str, ...], Any] = {
    ("http", "host"): "::",
    ("http", "cors_origins"): ["https://shop.example", "https://www.shop.example"],
    ("auth", "issuer"): "https://accounts.shop.example",
    ("auth", "audience"): "realtime",
    ("kafka", "start_at"): "latest",
    ("kafka", "bootstrap_servers"): "k1:9092,k2:9092",
    ("kafka", "security_protocol"): "SASL_SSL",
    ("kafka", "sasl_mechanism"): "PLAIN",
    ("kafka", "no_assignment_restart_seconds"): 240.5,
    ("history", "max_messages_per_room"): 1_000_000,
    ("history", "retention_seconds"): 2_000_000,
    ("sockets", "waiting_max_bytes"): 10_000_000,
    ("log", "level"): "debug",
    ("log", "format"): "json",
    ("tracing", "endpoint"): "http://collector:4318",
    ("tracing", "sampling_ratio"): 1e-05,
    ("sentry", "sample_rate"): 0.25,
    ("sockets", "transports"): ["websocket"],
}

# What comes from elsewhere: secrets, files that are mounted, and what the chart itself says.
ELSEWHERE = {
    ("roles",),
    ("pod", "name"),
    ("auth", "secret"),
    ("auth", "public_key"),
    ("auth", "public_key_file"),
    ("auth", "insecure_development_mode"),
    ("redis", "url"),
    ("tracing", "headers"),
    ("sentry", "dsn"),
    *((section, f"ssl_{name}_file") for section in ("kafka", "redis") for name in ("ca", "certificate", "key")),
    *(("redis", f"sentinel_{name}") for name in ("username", "password")),
    *(("kafka", f"sasl_{name}") for name in ("username", "password")),
    *(("http", f"tls_{name}_file") for name in ("certificate", "key")),
}

Load = Callable[[dict[str, Any]], Settings]


@pytest.fixture(autouse=True)
def only_what_is_rendered() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def loaded(values: dict[str, Any]) -> Settings:
    """The settings of a pod, read by the service itself."""
    manifests = render(values)
    for name in [name for name in os.environ if name.startswith("REALTIME_")]:
        del os.environ[name]
    os.environ.update(environment(manifests, one(manifests, "Deployment", "realtime")))
    return load_settings()


def value_of(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = getattr(tree, name)
    return tree


def another(path: tuple[str, ...], default: Any) -> Any:
    """A value that is not the default, and still a legal one."""
    if path in CHOSEN:
        return CHOSEN[path]
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    if isinstance(default, float):
        return default + 0.5
    assert isinstance(default, str), f"{path} needs a value in CHOSEN"
    return f"{default}-x"


def test_every_setting_can_be_set() -> None:
    defaults = Settings.model_validate({"auth": {"secret": SECRET}})
    tree: dict[str, Any] = {}
    expected = {}
    for path in leaves(Settings):
        if path in ELSEWHERE:
            continue
        expected[path] = another(path, value_of(defaults, path))
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(to_camel(name), {})
        branch[to_camel(path[-1])] = expected[path]

    read = loaded(minimal(settings=tree, kafka={"sasl": {"username": "u", "password": "p"}}))

    for path, value in expected.items():
        found = value_of(read, path)
        as_given = sorted(found) if isinstance(found, tuple | frozenset | list) else found
        assert as_given == (sorted(value) if isinstance(value, list) else value), path


def test_what_is_not_set_is_the_services_own_default() -> None:
    read = loaded(minimal())
    plain = Settings.model_validate(
        {"auth": {"secret": SECRET}, "kafka": {"bootstrap_servers": "kafka:9092"}, "pod": {"name": "a-pod"}}
    )
    for path in leaves(Settings):
        if path != ("redis", "url"):
            assert value_of(read, path) == value_of(plain, path), path


def test_null_is_the_default() -> None:
    assert loaded(minimal(settings={"limits": {"sessionsPerPod": None}})).limits.sessions_per_pod == 50_000


@pytest.mark.parametrize("number", [1_000_000, 12_345_678, 99_999_999])
def test_large_numbers_are_not_written_as_powers_of_ten(number: int) -> None:
    values = minimal(settings={"limits": {"sessionsPerPod": number}})
    assert one(render(values), "ConfigMap", "realtime")["data"]["REALTIME_LIMITS__SESSIONS_PER_POD"] == str(number)


@pytest.mark.parametrize(
    "text", ["123", "1e3", "true", "null", "~", "0x10", "2026-11-28", "yes", "[a]", "{a: b}", "- a"]
)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    assert loaded(minimal(settings={"auth": {"audience": text}})).auth.audience == text


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1))
def test_any_text_arrives_as_it_is(text: str) -> None:
    read = loaded(minimal(settings={"auth": {"audience": text, "issuer": f"{text}$(HOME) {{{{ . }}}}\n'\""}}))
    assert read.auth.audience == text
    assert read.auth.issuer == f"{text}$(HOME) {{{{ . }}}}\n'\""


def test_lists_are_separated_by_commas() -> None:
    origins = ["https://shop.example", "https://www.shop.example"]
    assert loaded(minimal(settings={"http": {"corsOrigins": origins}})).http.cors_origins == tuple(origins)


def test_a_switch_may_be_off() -> None:
    values = minimal(redis={"url": "rediss://redis:6379/0"}, settings={"redis": {"sslCheckHostname": False}})
    assert loaded(values).redis.ssl_check_hostname is False


def test_the_port_is_told_to_everybody() -> None:
    manifests = render(minimal(settings={"http": {"port": 8443}}))
    deployment = one(manifests, "Deployment", "realtime")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] == 8443
    assert one(manifests, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"] == 8443


def test_a_url_may_be_put_together_from_a_password_of_others() -> None:
    manifests = render(
        minimal(
            redis=None,
            gateway={
                "extraEnv": [
                    {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}},
                    {"name": "REALTIME_REDIS__URL", "value": "redis://:$(PASSWORD)@redis:6379/0"},
                ]
            },
        )
    )
    variables = environment(manifests, one(manifests, "Deployment", "realtime"), {"redis": {"password": "geheim"}})
    names = list(variables)
    # Kubernetes puts in what stands before.
    assert names.index("PASSWORD") < names.index("REALTIME_REDIS__URL")
    assert variables["REALTIME_REDIS__URL"] == "redis://:$(PASSWORD)@redis:6379/0"


def test_files_of_secrets_are_mounted_where_their_settings_say(tmp_path: Path) -> None:
    manifests = render(
        minimal(
            kafka={
                "tls": {
                    "existingSecret": {"name": "user", "certificateKey": "user.crt", "keyKey": "user.key"},
                    "caSecret": {"name": "cluster-ca", "key": "ca.crt"},
                }
            },
            settings={"kafka": {"securityProtocol": "SSL"}},
        )
    )
    deployment = one(manifests, "Deployment", "realtime")
    spec = deployment["spec"]["template"]["spec"]
    (mount,) = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "kafka-tls"]
    (volume,) = [each for each in spec["volumes"] if each["name"] == "kafka-tls"]
    mounted = {
        f"{mount['mountPath']}/{item['path']}": (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    variables = environment(manifests, deployment)
    assert {name: mounted[variables[f"REALTIME_KAFKA__SSL_{name}_FILE"]] for name in ("CA", "CERTIFICATE", "KEY")} == {
        "CA": ("cluster-ca", "ca.crt"),
        "CERTIFICATE": ("user", "user.crt"),
        "KEY": ("user", "user.key"),
    }
