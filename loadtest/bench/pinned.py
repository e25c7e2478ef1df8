"""Run a command on one core: `python pinned.py CORE COMMAND...`; all its threads are born there."""

import os
import sys

if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command is ours
