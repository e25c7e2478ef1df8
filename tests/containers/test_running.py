"""A pod in a container: how it starts, tells how it is, and ends."""

import asyncio
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from parts import containers
from parts.containers import ContainerPod, podman, run_command, try_podman
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def pod(tmp_path: Path, topics: Topics, redis_server: RedisServer, issuer: Issuer) -> AsyncIterator[ContainerPod]:
    """One that has not been started."""
    settings = {
        **topics.settings,
        **issuer.settings,
        "REALTIME_REDIS__URL": redis_server.url,
        "REALTIME_REDIS__KEY_PREFIX": topics.prefix,
        "REALTIME_DRAIN__SETTLE_SECONDS": "0",
    }
    pod = ContainerPod("pod", tmp_path / "pod", settings)
    yield pod
    await pod.kill()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"REALTIME_AUTH__SECRET": "too short"},
            "REALTIME_AUTH: REALTIME_AUTH__SECRET must have at least 32 bytes",
        ),
        (
            {"REALTIME_AUTH__SECRET": "x" * 32, "REALTIME_KAFKA__BOOTSTRAP_SERVER": "kafka:9092"},
            "REALTIME_KAFKA__BOOTSTRAP_SERVER: no such setting; did you mean REALTIME_KAFKA__BOOTSTRAP_SERVERS?",
        ),
    ],
)
def test_a_wrong_setting_stops_the_container_with_one_line_about_it(settings: dict[str, str], said: str) -> None:
    command = run_command(*settings, name=f"realtime-test-{uuid4().hex[:6]}")
    ran = subprocess.run(
        command, env=containers.environment() | settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.splitlines() == ["realtime cannot start; mend these settings:", said]


async def test_it_becomes_healthy_and_sigterm_ends_it_in_order(pod: ContainerPod) -> None:
    await pod.start()

    def is_healthy() -> bool:
        # Docker and podman under systemd do this every ten seconds by themselves.
        return try_podman("healthcheck", "run", pod.container).returncode == 0

    await eventually(is_healthy, 30, "the health check is fine")
    assert podman("inspect", "--format", "{{.State.Health.Status}}", pod.container) == "healthy"
    # The image's own process, with no shell or init before it.
    assert pod.inside("cat", "/proc/1/comm").stdout.strip() == "realtime"
    assert pod.inside("touch", "/tmp/x").returncode != 0
    assert await pod.stop() == 0
    log = pod.log_tail()
    assert '"event": "leaving"' in log
    assert '"event": "stopped"' in log.splitlines()[-1]


async def test_sigterm_before_it_serves_is_not_lost(pod: ContainerPod) -> None:
    """The kernel gives process 1 no default for a signal: one that nothing takes does nothing."""
    starting = asyncio.create_task(pod.start())

    def takes_sigterm() -> bool:
        process = Path("/proc") / (
            try_podman("inspect", "--format", "{{.State.Pid}}", pod.container).stdout.strip() or "0"
        )
        if not process.exists() or (process / "comm").read_text() != "realtime\n":  # not yet: runc has it first
            return False
        taken = re.search(r"^SigCgt:\s*(\w+)", (process / "status").read_text(), re.MULTILINE)
        return taken is not None and bool(int(taken[1], 16) >> (signal.SIGTERM - 1) & 1)

    await eventually(takes_sigterm, 60, "process 1 takes SIGTERM")
    assert "starting" not in pod.log_tail()  # it is still loading
    assert await pod.stop() == 0
    with pytest.raises(AssertionError, match="ended with 0"):
        await starting


async def test_orphans_of_what_is_run_beside_it_leave_no_zombies(pod: ContainerPod) -> None:
    await pod.start()
    orphan = pod.inside("sh", "-c", "sleep 2 >/dev/null 2>&1 & echo $!").stdout.strip()

    def parent() -> str:
        found = re.search(r"^PPid:\s*(\d+)", pod.inside("cat", f"/proc/{orphan}/status").stdout, re.MULTILINE)
        return found[1] if found else "none"

    assert parent() == "1"
    await eventually(lambda: parent() == "none", 20, "the orphan is forgotten")
    assert await pod.stop() == 0
