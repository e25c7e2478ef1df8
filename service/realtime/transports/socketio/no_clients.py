"""python-socketio without what only its clients, and its own ways from pod to pod, are made of."""

import sys
from importlib import import_module
from typing import Final

# It does without each of them where it is not installed. Together they are a quarter of a pod's start, and 16 MB.
UNNEEDED: Final = ("aiohttp", "requests", "valkey", "websocket")


def load_without_clients() -> None:
    """Load it as if these were not installed; others may load them afterwards. For processes that only serve.

    Nothing happens where it has been loaded already.
    """
    hidden = [name for name in UNNEEDED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # how Python is told that there is none
    try:
        import_module("socketio")
    finally:
        for name in hidden:
            del sys.modules[name]
