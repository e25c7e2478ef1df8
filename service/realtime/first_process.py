"""The first lines of the program, for when it is process 1 of a container.

The kernel gives process 1 no default for a signal: until something takes SIGTERM it is lost, and the container would be
killed at the end of its grace period. And process 1 inherits the orphans of whatever was run beside it
(`kubectl exec`); a pod starts no processes of its own, so the kernel may forget theirs at once.
"""

import os
import signal


def main() -> None:
    """Entry point of the installed program: take signals, and only then load what takes a second to load."""
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, _leave_before_it_began)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    from realtime.__main__ import main as command_line  # noqa: PLC0415 - it loads all libraries

    command_line()


def _leave_before_it_began(*_: object) -> None:
    raise SystemExit(0)
