"""What this machine is, and which of its cores do what."""

import os
import platform
import resource
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

KB_PER_GB = 1_048_576


@dataclass(frozen=True)
class Cores:
    """Which core runs the server that is measured, and which everything else."""

    server: int
    rest: int


def choose_cores() -> Cores:
    """Take the first two cores that this process may use. Raises `SystemExit` where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("The benchmark needs two cores: one for the server, one for the load.")
    return Cores(*allowed[:2])


def raise_descriptor_limit() -> int:
    """Let this process and its children open as many descriptors as they may; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def describe() -> dict[str, str]:
    """Say what the machine is: processor, cores, memory, kernel, and how busy it is. Its name stays here."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{_memory_kb() / KB_PER_GB:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
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
