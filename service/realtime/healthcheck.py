"""Asks the pod in this container how it is, for Docker's HEALTHCHECK: `python -m realtime.healthcheck [live|ready]`.

It runs every few seconds beside a pod, so it loads as little as there is.
"""

import http.client
import os
import ssl
import sys
from collections.abc import Mapping
from typing import Final

TIMEOUT_SECONDS: Final = 4.0
DEFAULT_PORT: Final = 3009
ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


def check(what: str, environ: Mapping[str, str]) -> str | None:
    """Return what is wrong with the pod that these variables set up, or None. `what`: `live` or `ready`."""
    given = {name.upper(): value for name, value in environ.items()}
    host = given.get("REALTIME_HTTP__HOST", "")
    port = int(given.get("REALTIME_HTTP__PORT") or DEFAULT_PORT)
    connection = _connect("127.0.0.1" if host in ANYWHERE else host, port, tls="REALTIME_HTTP__TLS_KEY_FILE" in given)
    try:
        connection.request("GET", f"/health/{what}")
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on port {port}: {error!r}"
    finally:
        connection.close()
    return None if response.status == 200 else f"HTTP {response.status}: {body}"


def _connect(host: str, port: int, *, tls: bool) -> http.client.HTTPConnection:
    if not tls:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    # The certificate is for the pod's name outside, and this never leaves the container.
    unverified = ssl._create_unverified_context()  # noqa: S323, SLF001 - there is no public name for it
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=unverified)


def main() -> None:
    """Exit with 0 when all is well, else with 1 and a line about it."""
    problem = check(sys.argv[1] if len(sys.argv) > 1 else "live", os.environ)
    if problem is not None:
        raise SystemExit(problem)


if __name__ == "__main__":
    main()
