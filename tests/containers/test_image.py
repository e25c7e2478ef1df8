"""What is in the image, and what is not."""

import json
import subprocess
from pathlib import Path

import pytest

import realtime
from parts import containers
from parts.containers import ROOT, podman, try_podman

MAX_BYTES = 200_000_000

NOT_INSIDE = (
    *("pip", "pip3", "uv", "apt", "apt-get", "gcc", "cc", "g++", "ld", "as", "make", "git", "perl"),
    *("curl", "wget", "ssh", "su", "mount"),
)


@pytest.fixture(scope="module")
def config() -> dict[str, object]:
    (inspected,) = json.loads(podman("image", "inspect", containers.IMAGE))
    return inspected


def _run(*command: str, user: str = "10001:10001") -> str:
    program, *arguments = command
    options = ("--network=none", "--ulimit=host", f"--user={user}", f"--entrypoint={program}")
    return podman("run", "--rm", *options, containers.IMAGE, *arguments)


def _find(*conditions: str) -> list[str]:
    """Ask as root, from whom nothing is hidden."""
    return _run("find", "/", "-xdev", *conditions, user="0:0").splitlines()


def test_it_says_what_it_is_and_how_it_is_run(config: dict[str, object]) -> None:
    settings = config["Config"]
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    labels = settings["Labels"]
    assert labels["org.opencontainers.image.version"] == realtime.__version__
    assert labels["org.opencontainers.image.revision"].removesuffix("-changed") == revision.strip()
    assert labels["org.opencontainers.image.source"] == "https://example.com/realtime"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert (settings["Entrypoint"], settings["Cmd"]) == (["realtime"], ["serve"])
    assert settings["User"] == "10001:10001"
    assert settings["StopSignal"] in {"SIGTERM", "15"}
    assert "3009/tcp" in settings["ExposedPorts"]
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "realtime.healthcheck"]


def test_it_is_small(config: dict[str, object]) -> None:
    assert config["Size"] < MAX_BYTES


def test_nothing_to_build_or_install_with_is_inside_and_nothing_of_the_build(config: dict[str, object]) -> None:
    files = _find()
    programs = {Path(file).name for file in files if "/bin/" in file or "/sbin/" in file}
    assert "python3" in programs
    assert programs.isdisjoint(NOT_INSIDE)
    inside = "\n".join(files)
    for word in (
        "/site-packages/pip",
        "/ensurepip",
        "python-wheels",
        "/setuptools/",
        "hatchling",
        "_history",
        "pip.conf",
    ):
        assert word not in inside, word
    assert not [file for file in files if file.startswith(("/tools", "/build", "/run/secrets/", "/root/", "/tmp/"))]
    assert not [file for file in files if "/site-packages/" in file and file.endswith((".pyx", ".c", ".h", ".pyi"))]
    assert [file for file in files if file.endswith("/realtime/__pycache__/app.cpython-313.pyc")]


def test_neither_history_nor_settings_tell_where_packages_came_from(config: dict[str, object]) -> None:
    history = podman("history", "--no-trunc", "--format", "{{.CreatedBy}}", containers.IMAGE)
    told = history + json.dumps(config["Config"])
    for word in ("pip.conf", "PIP_", "index-url", "://", "cert"):
        assert word not in told.replace("https://example.com/realtime", ""), word


def test_nobody_inside_can_become_root() -> None:
    assert _run("id") == "uid=10001(realtime) gid=10001(realtime) groups=10001(realtime)"
    assert _find("-type", "f", "-perm", "/6000") == []
    # What everybody may write to, as in any Debian; with a read-only root file system they cannot.
    assert set(_find("-type", "d", "-perm", "/0002")) <= {"/tmp", "/var/tmp", "/run/lock"}
    assert _find("-type", "f", "-perm", "/0002") == []
    assert _find("-user", "10001") == []


def test_the_list_of_debian_packages_is_true() -> None:
    """Who looks for vulnerable packages reads it: what was removed is not in it, and what is left is."""
    listed = _run("dpkg-query", "--show", "--showformat", "${Package} ${Status}\n").splitlines()
    installed = {line.split()[0] for line in listed if line.endswith(" installed")}
    assert {"libc6", "libssl3t64", "python3-minimal"} <= installed
    assert installed.isdisjoint({"apt", "perl-base", "python3-pip-whl", "python3-venv", "passwd", "login"})


def test_what_is_installed_is_what_was_locked() -> None:
    code = "import importlib.metadata as m, json; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    inside = json.loads(_run("python", "-c", code))
    assert inside.pop("realtime") == realtime.__version__
    lock = (ROOT / "requirements.image.lock").read_text().splitlines()
    locked = dict(line.split(" ")[0].split("==") for line in lock if "==" in line)
    assert {name.replace("_", "-"): version for name, version in inside.items()}.items() <= locked.items()
    assert len(inside) > 40


def test_the_demo_says_what_it_lacks() -> None:
    ran = try_podman("run", "--rm", "--network=none", "--ulimit=host", containers.IMAGE, "demo")
    assert ran.returncode == 1
    assert "is not installed. Install what the demo needs with" in ran.stderr
