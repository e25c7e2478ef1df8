"""Session ids that name their pod, so that what concerns one session goes to one pod.

An id looks like `3kQ0vUmX9aYtW2fZ.b7Hq1xYc`: 96 random bits, a dot, the pod's id.
"""

import re
import secrets
from typing import Final

SID_LENGTH: Final = 16 + 1 + 8
_SID: Final = re.compile(r"[A-Za-z0-9_-]{16}\.([A-Za-z0-9_-]{8})")


def new_pod_id() -> str:
    """Make an id for a pod's life; 48 random bits."""
    return secrets.token_urlsafe(6)


def new_sid(pod_id: str) -> str:
    """Make a session id on a pod; nobody can guess it."""
    return f"{secrets.token_urlsafe(12)}.{pod_id}"


def pod_of(sid: object) -> str | None:
    """The pod of a session id; None for what is not one of our session ids, such as a room's name."""
    if not isinstance(sid, str) or len(sid) != SID_LENGTH:
        return None
    match = _SID.fullmatch(sid)
    return match[1] if match else None
