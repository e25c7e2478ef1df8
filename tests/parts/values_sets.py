"""The sets of values under the chart's ci/, and values-try.yaml: each is a way to install it."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from parts.helm import CHART, render
from parts.manifests import Manifest

SETS: Final[dict[str, Path]] = {
    path.stem.removesuffix("-values"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))
} | {"try": CHART / "values-try.yaml"}

# Secrets that the sets name, and others make: name -> key -> what is in it.
MADE_BY_OTHERS: Final[dict[str, dict[str, str]]] = {
    "realtime-auth": {
        "secret": "a-secret-of-thirty-two-bytes-or-more",
        "public": (
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
            "-----END PUBLIC KEY-----\n"
        ),
    },
    "realtime-redis": {"url": "rediss://realtime:password@redis:6379/0"},
    "realtime-kafka": {"password": "password"},
    "redis": {"password": "password"},
    "redis-ca": {"ca.crt": ""},
    "redis-client": {"ca.crt": "", "tls.crt": "", "tls.key": ""},
    "shop-cluster-ca-cert": {"ca.crt": ""},
    "realtime-user": {"user.crt": "", "user.key": ""},
    "realtime-serving": {"tls.crt": "", "tls.key": ""},
    "realtime-tls": {"tls.crt": "", "tls.key": ""},
    "sentinel": {"password": "password"},
    "collector": {"headers": "authorization=Bearer x"},
    "sentry": {"dsn": "https://key@sentry.shop.example/1"},
    "registry": {".dockerconfigjson": "{}"},
}


def values_of(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(SETS[name].read_text(encoding="utf-8"))
    return values


@cache
def manifests_of(name: str) -> list[Manifest]:
    """Rendered once; to be read, and not changed."""
    return render(values_of(name))
