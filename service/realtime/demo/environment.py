"""The settings that the demo's pods run with: the user's own, and over them what makes two pods on one machine."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "REALTIME_"
KAFKA: Final = "REALTIME_KAFKA__BOOTSTRAP_SERVERS"
REDIS: Final = "REALTIME_REDIS__URL"
KEY_PREFIX: Final = "REALTIME_REDIS__KEY_PREFIX"
GROUP_ID: Final = "REALTIME_KAFKA__GROUP_ID"
SECRET: Final = "REALTIME_AUTH__SECRET"  # noqa: S105 - the setting's name

# What the demo decides itself: it signs its own users' tokens, and places its pods behind its own proxy.
REPLACED: Final = frozenset(
    {
        SECRET,
        "REALTIME_AUTH__PUBLIC_KEY",
        "REALTIME_AUTH__PUBLIC_KEY_FILE",
        "REALTIME_AUTH__INSECURE_DEVELOPMENT_MODE",
        "REALTIME_HTTP__HOST",
        "REALTIME_HTTP__PORT",
        "REALTIME_HTTP__CORS_ORIGINS",
        "REALTIME_POD__NAME",
        "REALTIME_ROLES",
    }
)

# What suits a laptop better than the defaults, unless the user has said otherwise.
SUGGESTED: Final = {
    # A killed pod's partitions go to the other one after this.
    "REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
    "REALTIME_KAFKA__HEARTBEAT_INTERVAL_SECONDS": "1",
    # No load balancer needs time to notice.
    "REALTIME_DRAIN__SETTLE_SECONDS": "0",
    "REALTIME_DRAIN__GRACE_SECONDS": "5",
    "REALTIME_LOG__FORMAT": "text",
}

# The embedded broker looks for news only twice in the time that a fetch may wait, where Apache Kafka answers at once.
SUGGESTED_EMBEDDED: Final = {"REALTIME_KAFKA__FETCH_WAIT_SECONDS": "0.02"}

SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class DemoEnvironment:
    """All environment variables of the demo's pods, but for each pod's own name and port."""

    variables: Mapping[str, str]
    kafka_port: int | None
    """Of the embedded Kafka; None: the user has named one of their own."""
    redis_port: int | None
    """Of the embedded Redis; None: the user has named one of their own."""
    owns_group: bool
    """The consumer group is this run's alone, not named by the user."""
    owns_keys: bool
    """The Redis keys are this run's alone, not named by the user."""


def make_environment(environ: Mapping[str, str], kafka_port: int, redis_port: int) -> DemoEnvironment:
    """Decide them; the ports are for the embedded Kafka and Redis, where the user names none of their own.

    A run has a consumer group and a key prefix of its own: with the user's Kafka and Redis it must take no partition
    and move no position of the service that may be running on them.
    """
    # pydantic-settings takes names in any case; two spellings of one name would contradict each other.
    given = {name.upper() if name.upper().startswith(PREFIX) else name: value for name, value in environ.items()}
    kept = {name: value for name, value in given.items() if name not in REPLACED}
    run = f"realtime-demo-{secrets.token_hex(4)}"
    variables = {
        KAFKA: f"127.0.0.1:{kafka_port}",
        REDIS: f"redis://127.0.0.1:{redis_port}/0",
        GROUP_ID: run,
        KEY_PREFIX: run,
        **SUGGESTED,
        **(SUGGESTED_EMBEDDED if KAFKA not in given else {}),
        **kept,
        SECRET: secrets.token_urlsafe(SECRET_BYTES),
        "REALTIME_HTTP__HOST": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }
    return DemoEnvironment(
        variables,
        kafka_port=None if KAFKA in given else kafka_port,
        redis_port=None if REDIS in given else redis_port,
        owns_group=GROUP_ID not in given,
        owns_keys=KEY_PREFIX not in given,
    )


def pod_variables(variables: Mapping[str, str], name: str, port: int) -> dict[str, str]:
    """Return the environment of one pod."""
    return {**variables, "REALTIME_POD__NAME": name, "REALTIME_HTTP__PORT": str(port)}
