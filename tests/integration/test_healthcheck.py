"""What Docker's HEALTHCHECK runs, asking a real pod."""

import subprocess
import sys

from parts.pod import Pod
from parts.ports import free_port
from parts.waiting import eventually
from realtime import healthcheck
from realtime.settings import HttpSettings


def _run(what: str, port: int) -> tuple[int, str]:
    environment = {"REALTIME_HTTP__HOST": "127.0.0.1", "REALTIME_HTTP__PORT": str(port)}
    asked = subprocess.run(
        [sys.executable, "-m", "realtime.healthcheck", what],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.returncode, asked.stderr.strip()


async def test_a_pod_is_alive_and_ready_until_it_ends(pod: Pod) -> None:
    assert _run("live", pod.port) == (0, "")
    assert _run("ready", pod.port) == (0, "")
    await pod.kill()
    code, said = _run("live", pod.port)
    assert code == 1
    assert said.startswith(f"no answer on port {pod.port}: ConnectionRefusedError")


async def test_a_pod_that_hangs_is_not_waited_for(pod: Pod) -> None:
    pod.stop_the_world()
    try:
        code, said = _run("live", pod.port)
    finally:
        pod.go_on()
    assert code == 1
    assert "timed out" in said
    await eventually(pod.is_ready, 10, "the pod goes on")


def test_it_asks_at_the_port_that_pods_have_unless_told_otherwise() -> None:
    assert HttpSettings().port == healthcheck.DEFAULT_PORT
    assert healthcheck.check("live", {"REALTIME_HTTP__PORT": str(free_port())}) is not None
