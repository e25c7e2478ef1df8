"""Real containers of the image: podman and runc, on a base that debootstrap makes, for no registry is asked for images."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from uuid import uuid4

from parts.cache import made_once
from parts.needs import need
from parts.pod import INHERITED, Pod

ROOT = Path(__file__).parents[2]
# Of the same Debian and Python as the Dockerfile's own base.
SUITE = "trixie"
BASE = f"localhost/realtime-test-base:{SUITE}"
IMAGE = "localhost/realtime-test:latest"

# Debian's podman on cgroups of both versions, without systemd: what it would take by itself does not start there.
CONFIGURATION = """\
[containers]
default_ulimits = []
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
helper_binaries_dir = ["/usr/lib/podman", "/usr/libexec/podman"]
"""
BUILD_TIMEOUT_SECONDS = 1_500


@cache
def environment() -> dict[str, str]:
    """What podman runs with: a configuration of our own, nothing of /etc's is changed."""
    directory = Path(tempfile.mkdtemp(prefix="realtime-podman-"))
    (directory / "containers.conf").write_text(CONFIGURATION)
    return os.environ | {"CONTAINERS_CONF": str(directory / "containers.conf")}


def podman(*arguments: str, timeout_seconds: float = 120, standard_input: str | None = None) -> str:
    """Run it, and return what it printed. Raises `AssertionError` with its own words when it fails."""
    ran = try_podman(*arguments, timeout_seconds=timeout_seconds, standard_input=standard_input)
    assert ran.returncode == 0, f"podman {' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout.strip()


def try_podman(
    *arguments: str, timeout_seconds: float = 120, standard_input: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it, however it ends."""
    return subprocess.run(
        [need("podman"), "--log-level=fatal", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        input=standard_input,
        check=False,
    )


def build_image() -> str:
    """Build the image of this checkout as `make image` does, and return its name; quick when little has changed."""
    need("runc")
    _import_base()
    command = ["make", "--no-print-directory", "-C", str(ROOT), "image"]
    wanted = {"ENGINE": need("podman"), "IMAGE": IMAGE, "BASE": BASE, "SOURCE": "https://example.com/realtime"}
    built = subprocess.run(
        [*command, *(f"{name}={value}" for name, value in wanted.items())],
        env=environment() | wanted,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_SECONDS,
        check=False,
    )
    assert built.returncode == 0, f"make image failed:\n{built.stdout[-4000:]}\n{built.stderr[-4000:]}"
    return IMAGE


def _import_base() -> None:
    if try_podman("image", "exists", BASE).returncode:
        podman("import", str(made_once(f"base-{SUITE}", _make_base) / "base.tar"), BASE, timeout_seconds=300)


def _make_base(directory: Path) -> None:
    root = directory / "root"
    packages = "--include=python3,python3-venv,ca-certificates"
    made = subprocess.run(
        [need("debootstrap"), "--variant=minbase", packages, SUITE, str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, f"debootstrap failed:\n{made.stdout[-2000:]}{made.stderr}"
    for left_over in (root / "var/cache/apt", root / "var/lib/apt/lists"):
        shutil.rmtree(left_over)
        left_over.mkdir()
    # Which are this machine's own.
    for name in ("resolv.conf", "hostname"):
        (root / "etc" / name).write_text("")
    subprocess.run(["tar", "-C", str(root), "-cf", str(directory / "base.tar"), "."], check=True)
    shutil.rmtree(root)


class ContainerPod(Pod):
    """A pod in a container of its own, as production has it: nothing can be written, and no right is left."""

    def __init__(
        self, name: str, directory: Path, settings: Mapping[str, str], *, roles: str = "intake,sockets"
    ) -> None:
        super().__init__(name, directory, settings, roles=roles)
        self.container = f"realtime-test-{name}-{uuid4().hex[:6]}"
        given = self._environment or {}
        told = [variable for variable in given if variable.startswith("REALTIME_")]
        self._environment = environment() | given
        self._command = run_command(*told, name=self.container)

    async def kill(self) -> None:
        """End the container's process 1, as a power cut would, and not just podman, which waits for it."""
        if self.is_running:
            try_podman("kill", "--signal", "KILL", self.container)
        await super().ended()

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, beside the pod."""
        return try_podman("exec", self.container, *command)


def run_command(*variables: str, name: str, more: Sequence[str] = ()) -> list[str]:
    """Return the command that runs a container in the foreground; the variables are taken from podman's own."""
    hardened = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"]
    passed = [f"--env={variable}" for variable in variables if variable not in INHERITED]
    # On the host's network, where Kafka and Redis listen on loopback alone.
    where = ["--network=host", "--ulimit=host", f"--name={name}"]
    return [need("podman"), "--log-level=fatal", "run", "--rm", *where, *hardened, *passed, *more, IMAGE]
