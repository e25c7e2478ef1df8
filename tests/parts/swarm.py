"""Locust with our people, in an environment of its own: its plugin for pytest, and gevent, must not come near the tests."""

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from parts.cache import made_once

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.load.lock"


@dataclass(frozen=True)
class Ran:
    """A run of Locust that has ended."""

    code: int
    output: str


def installation() -> Path:
    """Return the cached environment of this lock; make it if need be."""
    version = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return made_once(f"swarm-{sys.version_info.major}.{sys.version_info.minor}-{version}", _install)


def _install(directory: Path) -> None:
    # Not a virtual environment: it would know where it was made, and is moved.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    done = subprocess.run(
        [*command, "--target", str(directory / "packages"), "-r", str(LOCK)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def start(*arguments: str, output: int | IO[bytes], settings: Mapping[str, str] | None = None) -> Process:
    """Start `python -m swarm`, which inherits nothing but the `settings`; who starts it sees that it ends."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    path = f"{ROOT / 'loadtest'}:{installation() / 'packages'}"
    # -S: without the packages of the tests.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-m", "swarm", *arguments),
        env={**kept, "PYTHONPATH": path, **(settings or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


async def end(process: Process) -> None:
    """See that it is gone; fine when it has ended already."""
    # Its workers, too, wherever they are.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _nothing(_pid: int) -> None: ...


async def run(
    *arguments: str,
    timeout_seconds: float = 90.0,
    settings: Mapping[str, str] | None = None,
    meanwhile: Callable[[int], Awaitable[None]] = _nothing,
) -> Ran:
    """Run `python -m swarm` until it ends by itself; `meanwhile` is done beside it, and given its process's id."""
    process = await start(*arguments, output=subprocess.PIPE, settings=settings)
    try:
        async with asyncio.timeout(timeout_seconds):
            (output, _), _ = await asyncio.gather(process.communicate(), meanwhile(process.pid))
    finally:
        await end(process)
    return Ran(process.returncode or 0, output.decode(errors="replace"))
