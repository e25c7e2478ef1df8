"""Secrets: made by the chart from plain values, or by others and named."""

from base64 import b64decode
from typing import Any

import pytest

from parts.helm import render
from parts.helm_values import SECRET, minimal
from parts.manifests import Manifest, container, deployments, environment, one

FROM_OTHERS: dict[str, Any] = {
    "auth": {"secret": "", "existingSecret": {"name": "tokens", "key": "hs256"}},
    "redis": {
        "url": "",
        "existingSecret": {"name": "redis", "key": "uri"},
        "sentinel": {"existingSecret": {"name": "sentinel", "usernameKey": "user"}},
    },
    "kafka": {"sasl": {"existingSecret": {"name": "kafka-user", "usernameKey": "name"}}},
    "tracing": {"existingSecret": {"name": "collector"}},
    "sentry": {"existingSecret": {"name": "sentry"}},
    "settings": {"kafka": {"securityProtocol": "SASL_SSL"}},
}

PLAIN: dict[str, Any] = {
    "redis": {
        "url": "redis+sentinel://:geheim@s1:26379/main/0",
        "sentinel": {"username": "watcher", "password": "geheimer"},
    },
    "kafka": {"sasl": {"username": "realtime", "password": "noch geheimer"}},
    "tracing": {"headers": "api-key=am geheimsten"},
    "sentry": {"dsn": "https://key@sentry.example/42"},
    "settings": {"kafka": {"securityProtocol": "SASL_SSL"}},
}


def references(deployment: Manifest) -> dict[str, tuple[str, str]]:
    """Variable -> Secret and key."""
    return {
        variable["name"]: (reference["name"], reference["key"])
        for variable in container(deployment)["env"]
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    }


def test_secrets_of_others_are_referred_to_and_none_is_made() -> None:
    manifests = render(minimal(**FROM_OTHERS))
    assert not [each for each in manifests if each["kind"] == "Secret"]
    assert references(one(manifests, "Deployment")) == {
        "REALTIME_AUTH__SECRET": ("tokens", "hs256"),
        "REALTIME_REDIS__URL": ("redis", "uri"),
        "REALTIME_REDIS__SENTINEL_USERNAME": ("sentinel", "user"),
        "REALTIME_REDIS__SENTINEL_PASSWORD": ("sentinel", "password"),
        "REALTIME_KAFKA__SASL_USERNAME": ("kafka-user", "name"),
        "REALTIME_KAFKA__SASL_PASSWORD": ("kafka-user", "password"),
        "REALTIME_TRACING__HEADERS": ("collector", "headers"),
        "REALTIME_SENTRY__DSN": ("sentry", "dsn"),
    }


def test_no_reference_is_optional_so_that_no_pod_starts_without_it() -> None:
    for variable in container(one(render(minimal(**FROM_OTHERS)), "Deployment"))["env"]:
        assert "optional" not in variable.get("valueFrom", {}).get("secretKeyRef", {})


def test_plain_secrets_stand_in_one_secret_and_nowhere_else() -> None:
    manifests = render(minimal(**PLAIN))
    others = str([each for each in manifests if each["kind"] != "Secret"])
    for secret in (SECRET, "geheim", "sentry.example"):
        assert secret not in others
    data = {key: b64decode(text).decode() for key, text in one(manifests, "Secret")["data"].items()}
    assert data == {
        "auth-secret": SECRET,
        "redis-url": "redis+sentinel://:geheim@s1:26379/main/0",
        "sentinel-username": "watcher",
        "sentinel-password": "geheimer",
        "kafka-username": "realtime",
        "kafka-password": "noch geheimer",
        "tracing-headers": "api-key=am geheimsten",
        "sentry-dsn": "https://key@sentry.example/42",
    }


def test_plain_secrets_reach_both_kinds_of_pods() -> None:
    manifests = render(minimal(**PLAIN, intake={"enabled": True}))
    for deployment in deployments(manifests):
        variables = environment(manifests, deployment)
        assert variables["REALTIME_KAFKA__SASL_PASSWORD"] == "noch geheimer"
        assert variables["REALTIME_REDIS__SENTINEL_PASSWORD"] == "geheimer"


def test_a_public_key_is_named_as_such() -> None:
    values = minimal(auth={"secret": "", "existingSecret": {"name": "keys", "key": "jwt.pem", "kind": "publicKey"}})
    assert references(one(render(values), "Deployment"))["REALTIME_AUTH__PUBLIC_KEY"] == ("keys", "jwt.pem")


def test_a_plain_public_key_keeps_its_lines() -> None:
    key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw\n-----END PUBLIC KEY-----\n"
    manifests = render(minimal(auth={"secret": "", "publicKey": key}))
    assert environment(manifests, one(manifests, "Deployment"))["REALTIME_AUTH__PUBLIC_KEY"] == key


@pytest.mark.parametrize("section", ["kafka", "redis"])
def test_certificates_of_others_are_mounted_read_only_and_for_our_group(section: str) -> None:
    values = minimal(
        **{section: {"tls": {"existingSecret": {"name": "own", "certificateKey": "tls.crt", "keyKey": "tls.key"}}}}
    )
    values["redis"]["url"] = "rediss://redis:6379/0"
    values["settings"]["kafka"]["securityProtocol"] = "SSL"
    deployment = one(render(values), "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    (volume,) = [each for each in spec["volumes"] if each["name"] == f"{section}-tls"]
    assert volume["projected"]["defaultMode"] == 0o440
    assert spec["securityContext"]["fsGroup"] == 10001
    (mount,) = [each for each in container(deployment)["volumeMounts"] if each["name"] == f"{section}-tls"]
    assert mount["readOnly"] is True


def test_secrets_of_others_are_looked_for_at_an_install_alone() -> None:
    # There is no cluster here: what `helm template` and Argo CD do must not fail for what they cannot see.
    assert render(minimal(**FROM_OTHERS, checkSecrets=True))
