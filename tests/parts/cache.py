"""What is downloaded once for all runs: Kafka's jars and the JavaScript client."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the cached directory of that name; `make` fills it when it is not there yet.

    Parallel runs make it once (a lock that the kernel frees when its holder dies), and it appears only when whole
    (made elsewhere, then renamed), so that neither a crash nor a second run leaves half a cache behind.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "realtime"
    finished = cache / name
    if not finished.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not finished.exists():
                with tempfile.TemporaryDirectory(dir=cache, prefix=f"{name}.") as unfinished:
                    whole = Path(unfinished) / "whole"
                    whole.mkdir()
                    make(whole)
                    whole.rename(finished)
    return finished
