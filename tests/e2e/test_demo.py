"""`realtime demo` as people run it: a process that starts a cluster, and never leaves anything of it behind."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from parts.child import Child
from parts.fixtures import Connect
from parts.http import get
from parts.js_client import JsClient
from parts.pod import INHERITED
from parts.ports import free_port
from parts.waiting import eventually

COMMAND = [sys.executable, "-m", "realtime", "demo"]
ENVIRONMENT = {variable: os.environ[variable] for variable in INHERITED if variable in os.environ}
HEADLESS_TIMEOUT_SECONDS = 100


class Demo(Child):
    """The demo with its page."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # What a demo that is killed leaves in its temporary directory goes with the test's.
        environment = ENVIRONMENT | {"TMPDIR": str(directory)}
        super().__init__("demo", [*COMMAND, "--port", str(self.port)], directory, environment)

    async def is_ready(self) -> bool:
        response = await get(self.url)
        return response is not None and response.status_code == 200

    async def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self.signal(signal.SIGINT)
        return await self.ended()

    async def ends(self) -> int:
        """Wait for it to end by itself, and return the exit code."""
        return await self.ended()

    @property
    def children(self) -> dict[int, str]:
        """Its children's process ids and commands."""
        assert self._process is not None
        return {pid: command for pid, (parent, command) in _processes().items() if parent == self._process.pid}

    def child(self, word: str) -> int:
        """The process id of the one child with the word in its command."""
        (pid,) = (pid for pid, command in self.children.items() if word in command)
        return pid

    async def config(self) -> dict[str, Any]:
        response = await get(f"{self.url}/demo/config")
        assert response is not None
        return dict(response.json())

    async def token(self, user_id: str) -> str:
        return next(person["token"] for person in (await self.config())["people"] if person["userId"] == user_id)

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, verify=False) as client:
            return await client.post(path, json=body)


def _processes() -> dict[int, tuple[int, str]]:
    """All processes that have not ended: pid -> (its parent's, its command)."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    found = (line.split(maxsplit=3) for line in listed.stdout.splitlines())
    return {int(pid): (int(parent), command) for pid, parent, state, command in found if "Z" not in state}


async def _are_gone(pids: dict[int, str]) -> None:
    await eventually(lambda: not pids.keys() & _processes().keys(), 10, f"all of {pids} have ended")


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    """A demo that has not been started."""
    demo = Demo(tmp_path / "demo")
    yield demo
    await demo.kill()


async def _run(*arguments: str, **settings: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        env=ENVIRONMENT | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(HEADLESS_TIMEOUT_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return process.returncode, out.decode(), err.decode()


# -- without a browser ----------------------------------------------------------------------------------------------


async def test_the_headless_run_ends_well_and_tells_who_heard_how_much() -> None:
    code, out, err = await _run("--headless")
    assert (code, err) == (0, ""), out + err
    assert "NOT Apache Kafka" in out
    rows = re.findall(
        r"^(alice|bob|admin) +(pod-\d) +(websocket|polling) +(\d+) +(\d+) +(\d+) +([\d.]+) +([\d.]+)$",
        out,
        re.MULTILINE,
    )
    assert {(who, transport) for who, _, transport, *_ in rows} == {
        (who, transport) for who in ("alice", "bob", "admin") for transport in ("websocket", "polling")
    }
    assert {pod for _, pod, *_ in rows} == {"pod-1", "pod-2"}
    for *_, expected, received, foreign, p50, p99 in rows:
        assert int(expected) == int(received) > 100
        assert int(foreign) == 0
        assert 0 < float(p50) <= float(p99)


async def test_a_taken_port_is_named_together_with_another_one_to_choose() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = await _run("--headless", "--port", str(port))
    assert code == 1
    assert f"Port {port} on 127.0.0.1 is taken" in err
    another = re.search(r"make demo ARGS='--port (\d+)'", err)
    assert another is not None
    assert int(another[1]) != port
    assert out == ""


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("REALTIME_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1", "Kafka cannot be reached at 127.0.0.1:1"),
        ("REALTIME_REDIS__URL", "redis://:hush@127.0.0.1:1/0", "Redis cannot be reached"),
    ],
)
async def test_a_kafka_or_redis_of_the_users_own_that_is_not_there_is_named(
    setting: str, value: str, said: str
) -> None:
    code, out, err = await _run("--headless", **{setting: value})
    assert code == 1
    assert said in err
    assert "hush" not in out + err


async def test_a_wrong_setting_is_named_before_anything_starts() -> None:
    code, out, err = await _run("--headless", REALTIME_KAFFKA__GROUP_ID="x")
    assert code == 2
    assert "REALTIME_KAFFKA__GROUP_ID: no such setting" in err
    assert out == ""


# -- with the page --------------------------------------------------------------------------------------------------


async def test_the_page_shows_who_may_sign_in_and_its_buttons_reach_the_buyer_and_the_admin(
    demo: Demo, connect: Connect
) -> None:
    await demo.start()
    page = await get(demo.url)
    assert page is not None
    assert page.headers["content-type"].startswith("text/html")
    assert "NOT Apache Kafka" in (await demo.config())["parts"]["kafka"]

    alice, bob, admin = [
        await connect(demo.url, await demo.token(user), transports=transports)
        for user, transports in (("alice", ["polling"]), ("bob", ["websocket"]), ("admin", ["polling", "websocket"]))
    ]
    for client, command in ((alice, "subscribe:orders"), (bob, "subscribe:orders"), (admin, "subscribe:admin")):
        assert (await client.command(command))["ok"]
    assert len({str(client.sid).partition(".")[2] for client in (alice, bob, admin)}) == 2

    placed = await demo.post("/demo/order", {"buyerId": "alice"})
    assert placed.status_code == 201
    order_id = placed.json()["about"]
    heard = await alice.wait_for_event("order:created")
    assert heard.args[0]["orderId"] == order_id
    assert heard.args[0]["eventId"] == placed.json()["eventId"]
    shipped = await demo.post("/demo/order/change", {"buyerId": "alice", "orderId": order_id, "action": "ship"})
    assert shipped.status_code == 201
    assert (await alice.wait_for_event("order:updated")).args[0]["status"] == "shipped"
    await demo.post("/demo/stock", {"productId": "desk-lamp", "stock": 0})
    assert (await admin.wait_for_event("admin:inventory:alert")).args[0]["alert"] == "out"
    await admin.wait_for_event("admin:order:updated")
    assert not bob.events("order:created")
    assert not bob.events("notification")

    await _is_refused_politely(demo)

    children = demo.children
    assert len(children) == 4
    assert await demo.interrupt() == 0
    await _are_gone(children)
    assert "Ended" in demo.log_tail()


async def _is_refused_politely(demo: Demo) -> None:
    async with httpx.AsyncClient(base_url=demo.url, trust_env=False, verify=False) as client:
        unknown = await client.get("/socket.io/?EIO=4&transport=polling&sid=3kQ0vUmX9aYtW2fZ.nobody00")
        assert (unknown.status_code, unknown.json()["message"]) == (400, "Session ID unknown")
        assert (await client.get("/", params={"long": "x" * 40_000})).status_code == 431
        assert (await client.get("/demo/config", headers={"Host": "shop.example"})).status_code == 400
        for path in ("/demo/order", "/demo/order/change", "/demo/stock"):
            assert (await client.post(path, content="{}")).status_code == 415
            assert (await client.post(path, json={"buyerId": "mallory"})).status_code == 422
            assert (await client.post(path, json={"x": "y" * 5_000})).status_code == 413
    reader, writer = await asyncio.open_connection("127.0.0.1", demo.port)
    writer.write(b"EHLO shop.example\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()


async def test_a_killed_pod_is_told_of_and_its_socket_comes_back_on_the_other_one(demo: Demo, connect: Connect) -> None:
    await demo.start()
    client = await connect(demo.url, await demo.token("alice"), by=JsClient, reconnects=True)
    at_first = client.sid
    assert at_first is not None
    response = await get(f"{demo.url}/demo/pods")
    assert response is not None
    pods = {pod["podId"]: pod for pod in response.json()}
    os.kill(pods.pop(at_first.partition(".")[2])["pid"], signal.SIGKILL)
    (other_pod_id,) = pods
    await eventually(
        lambda: client.sid is not None and client.sid.endswith(f".{other_pod_id}"), 20, f"{client} is on the other pod"
    )
    await eventually(lambda: "was ended by SIGKILL" in demo.log_tail(), 5, "the demo tells of the killed pod")
    assert await demo.stop() == 0


async def test_when_the_embedded_kafka_dies_the_demo_says_so_and_ends(demo: Demo) -> None:
    await demo.start()
    children = demo.children
    os.kill(demo.child("tansu"), signal.SIGKILL)
    assert await demo.ends() == 1
    assert "kafka" in demo.log_tail()
    assert "was ended by SIGKILL" in demo.log_tail()
    await _are_gone(children)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_in_the_middle_of_the_start_leaves_nothing_behind(demo: Demo, number: signal.Signals) -> None:
    starting = asyncio.create_task(demo.start())
    await eventually(lambda: demo.is_running and len(demo.children) == 4, 20, "the pods are being started")
    children = demo.children
    demo.signal(number)
    assert await demo.ends() == 130
    await _are_gone(children)
    with pytest.raises(AssertionError):  # it has never been ready
        await starting


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends children with their parent")
async def test_the_sudden_death_of_the_demo_leaves_nothing_behind(demo: Demo) -> None:
    await demo.start()
    children = demo.children
    await demo.kill()
    await _are_gone(children)
