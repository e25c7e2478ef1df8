"""What this machine is, and which of its cores do what."""

import os
import platform
import resource
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tool.errors import Unable

KB_PER_GB = 1_048_576


@dataclass(frozen=True)
class Cores:
    """Which core runs the server that is measured, and which everything else."""

    server: int
    rest: int


def choose_cores() -> Cores:
    """Take the first two cores that this process may use. Raises `Unable` where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Unable("it takes two cores: one for the server, one for the load")
    return Cores(*allowed[:2])


def raise_descriptor_limit() -> int:
    """Let this process and its children open as many descriptors as they may; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def need_descriptors(count: int, what: str) -> int:
    """Let this process and its children open as many descriptors as they may; how many that is.

    Raises `Unable`, which says what to raise, when `what`, such as "6,000 sockets", take more. The soft limit needs no
    attention: it is the hard one from now on.
    """
    hard = raise_descriptor_limit()
    if hard < count:
        raise Unable(
            f"{what} take {count:,} file descriptors, and a process here may open {hard:,}: raise the hard limit "
            f"(as root `ulimit -Hn {count}`, or `hard nofile` in /etc/security/limits.conf, or LimitNOFILE= of the "
            "systemd unit), or ask for fewer"
        )
    return hard


def describe() -> dict[str, str]:
    """Say what the machine is: processor, cores, memory, kernel, descriptors, and how busy. Its name stays here."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{_memory_kb() / KB_PER_GB:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "descriptors": f"{resource.getrlimit(resource.RLIMIT_NOFILE)[1]:,}",
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }


def versions() -> dict[str, str]:
    """Versions of the Python side; `programs.versions` has the rest."""
    packages = ("python-socketio", "python-engineio", "uvicorn", "uvloop", "redis", "hiredis", "orjson", "aiokafka")
    return {"Python": platform.python_version()} | {name: version(name) for name in packages}


def commit(repository: Path) -> str:
    """The short commit, with `-dirty` behind it when files differ from it; `unknown` outside a checkout."""
    try:
        said = subprocess.run(
            [shutil.which("git") or "git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
            cwd=repository,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # somebody may be committing
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_kb() -> int:
    return int(Path("/proc/meminfo").read_text().split()[1])
