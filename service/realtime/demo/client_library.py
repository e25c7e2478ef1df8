"""The stock JavaScript client, taken from npm as it is published, and kept for the next time.

The whole package is kept, and its hash is checked at each use, so nothing but that one release is ever served.
"""

import asyncio
import base64
import hashlib
import io
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = "4.8.4"
PACKAGE: Final = f"socket.io-client@{VERSION}"
# `npm view socket.io-client@4.8.4 dist.integrity`
INTEGRITY: Final = "sha512-7wjKAvVXYOJsbmUgkWbnhPD4bFpkqrUR0++XOjpGFmqDqsqV1CI93VTraeExLxpjxEqrWgFoSRZu1ihjLWfkAA=="
SCRIPT: Final = "package/dist/socket.io.min.js"

FETCH_TIMEOUT_SECONDS: Final = 30.0
TRY_AGAIN: Final = f"Start the demo again when `npm pack {PACKAGE}` works."
_NPM_OPTIONS: Final = ("--silent", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000")


@dataclass(frozen=True, slots=True)
class ClientLibrary:
    """The script for the page; or, where there is none, what the page lacks and how to get it."""

    script: bytes | None
    problem: str | None = None


async def load_client_library(environ: Mapping[str, str]) -> ClientLibrary:
    """Take it from the cache, else from npm. Without either the demo goes on, and the page says why it is quiet."""
    kept = cached_package(environ)
    try:
        if not kept.exists() or not is_intact(kept.read_bytes()):
            await _fetch(kept)
        return ClientLibrary(extract_script(kept.read_bytes()))
    except (LookupError, OSError, ValueError) as error:
        return ClientLibrary(None, f"{PACKAGE} is missing: {error}")


def cached_package(environ: Mapping[str, str]) -> Path:
    """Where the package is kept."""
    home = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "realtime" / f"socket.io-client-{VERSION}.tgz"


def is_intact(package: bytes) -> bool:
    """Whether this is the very package that npm's integrity hash stands for."""
    return "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode() == INTEGRITY


def extract_script(package: bytes) -> bytes:
    """Read the one file for browsers. Raises `ValueError` for another package than the one we know."""
    if not is_intact(package):
        raise ValueError("npm gave another package than the one whose hash we know")
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        member = archive.extractfile(SCRIPT)
        if member is None:
            raise ValueError(f"{SCRIPT} is not in it")
        return member.read()


async def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise LookupError("npm was not found. Install Node.js with npm, and start the demo again.")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="npm-") as scratch:
        process = await asyncio.create_subprocess_exec(
            npm,
            "pack",
            PACKAGE,
            *_NPM_OPTIONS,
            cwd=scratch,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                await process.wait()
        except TimeoutError:
            raise LookupError(f"npm took more than {FETCH_TIMEOUT_SECONDS:g} s. {TRY_AGAIN}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise LookupError(f"npm failed. {TRY_AGAIN}")
        # Renamed, never written in place: another demo may be reading it. What it is, is checked at each use.
        (Path(scratch) / kept.name).replace(kept)
