"""Locust's people against three pods: all kinds of them hear what they must, and bad input is told readably."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from parts import scrape, swarm
from parts.pod import Cluster
from parts.ports import free_port
from parts.topics import Topics
from parts.waiting import eventually
from swarm.timeline import read

pytestmark = pytest.mark.timeout(240)


# However busy this machine is: how quick it must be is no matter of these tests.
NOTHING_LOST = """
[connect]
count_min = 20
["deliver order:updated"]
count_min = 20
[gap]
failures_max = 0
[duplicate]
failures_max = 0
[recover]
count_min = 1
failures_max = 0
[produce]
failures_max = 0
"""


@pytest.fixture
def nothing_lost(tmp_path: Path) -> tuple[str, str]:
    """The thresholds that hold everywhere."""
    (tmp_path / "nothing-lost.toml").write_text(NOTHING_LOST)
    return "--thresholds", str(tmp_path / "nothing-lost.toml")


def options(cluster: Cluster, *more: str) -> list[str]:
    return [
        *("--headless", "--host", cluster.url, "--kafka", cluster.kafka.bootstrap_servers),
        *("--topic-prefix", f"{cluster.topics.prefix}.", "--auth-secret", cluster.issuer.signing_key),
        *("--auth-issuer", cluster.issuer.name, "--auth-audience", cluster.issuer.audience),
        *("--users", "60", "--spawn-rate", "30", "--run-time", "12s", "--only-summary", "--json"),
        *more,
    ]


async def _is_told(cluster: Cluster) -> bool:
    """Whether most of the people are connected."""
    return sum([await scrape.total(pod, "realtime_connections") for pod in cluster.pods]) >= 40


def entries(ran: swarm.Ran) -> dict[str, dict[str, Any]]:
    """What Locust prints in the end, by name."""
    start = re.search(r"^\[\n|^\[\{", ran.output, re.MULTILINE)
    assert start, ran.output
    told, _ = json.JSONDecoder().raw_decode(ran.output[start.start() :])
    return {entry["name"]: entry for entry in told}


@pytest.mark.parametrize("more", [("--transport", "mixed"), ("--shape", "reconnect-storm")], ids=["mixed", "storm"])
async def test_nobody_misses_anything_and_nothing_comes_twice(
    cluster: Cluster, nothing_lost: tuple[str, str], more: tuple[str, ...]
) -> None:
    ran = await swarm.run(*options(cluster, *nothing_lost, *more, "--events-per-second", "40"))
    assert ran.code == 0, ran.output
    counted = entries(ran)
    assert counted["deliver order:updated"]["num_requests"] > 100
    assert counted["deliver inventory:updated"]["num_requests"] > 20
    assert counted["produce"]["num_failures"] == 0
    # Mobiles have broken off and gone on.
    assert counted["recover"]["num_requests"] > 0
    assert not {"gap", "duplicate"} & counted.keys()


async def test_several_workers_are_one_run_with_one_timeline(
    cluster: Cluster, nothing_lost: tuple[str, str], tmp_path: Path
) -> None:
    port = str(free_port())
    ports = ("--master-bind-port", port, "--master-port", port)
    timeline = tmp_path / "run.jsonl"
    more = (*nothing_lost, "--processes", "2", "--run-time", "20s", "--timeline", str(timeline), *ports)
    ran = await swarm.run(*options(cluster, *more))
    assert ran.code == 0, ran.output
    assert "2 workers connected" in ran.output
    told = read(timeline)
    assert max(second.connected for second in told.seconds) >= 40  # mobiles are away now and then
    assert {second.workers for second in told.seconds[2:]} == {2}
    counts = [second.deliveries for second in told.seconds]
    assert counts == sorted(counts)
    assert told.summary is not None
    assert told.summary.entries["deliver order:updated"].count == entries(ran)["deliver order:updated"]["num_requests"]
    assert all(judged.is_kept for judged in told.summary.thresholds)
    # No secret is in it.
    assert cluster.issuer.signing_key not in timeline.read_text()


async def test_a_worker_that_dies_ends_the_run_which_says_so(
    cluster: Cluster, nothing_lost: tuple[str, str], tmp_path: Path
) -> None:
    port, timeline = str(free_port()), tmp_path / "run.jsonl"
    killed: list[int] = []

    async def kill_one(master: int) -> None:
        def is_under_way() -> bool:
            return timeline.exists() and bool(seconds := read(timeline).seconds) and seconds[-1].connected > 20

        await eventually(is_under_way, 60, "people are connected")
        killed.append(int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0]))
        os.kill(killed[0], signal.SIGKILL)

    ports = ("--master-bind-port", port, "--master-port", port)
    more = (*nothing_lost, "--processes", "2", "--run-time", "5m", "--timeline", str(timeline), *ports)
    ran = await swarm.run(*options(cluster, *more), meanwhile=kill_one)
    assert ran.code == 3, ran.output
    assert f"of 2 (process {killed[0]} on " in ran.output
    assert "is gone: it was killed, or has so much to do" in ran.output
    told = read(timeline).summary
    assert told is not None
    assert (told.exit_code, len(told.problems)) == (3, 1)


async def test_help_tells_of_ours_beside_locusts() -> None:
    ran = await swarm.run("--help")
    assert ran.code == 0
    assert "People on sockets" in ran.output
    assert "--auth-secret" in ran.output
    assert "--run-time" in ran.output


async def test_what_never_came_and_what_came_twice_is_told_and_ends_in_1(cluster: Cluster) -> None:
    async def produce() -> None:
        # An admin's desk hears every order: once it is there, somebody else's numbers go astray.
        await eventually(lambda: _is_told(cluster), 60, "an admin's desk is there")
        for number in (1, 2, 2, 5):
            await cluster.topics.produce(
                "order.updated",
                {"orderId": "astray", "buyerId": "nobody", "status": "shipped"},
                key="astray",
                headers=[("event-id", f"swarm.astray#{number}".encode())],
            )

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(swarm.run(*options(cluster)))
        tasks.create_task(produce())
    ran = running.result()
    assert ran.code == 1, ran.output
    assert "Threshold not kept to: gap: failures_max is" in ran.output
    assert "2 of admin:order:updated before swarm.astray#5 never came" in ran.output
    assert "admin:order:updated swarm.astray#2 came again" in ran.output


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_run_whose_events_reach_nobody_ends_in_1_and_says_who_is_owed_what(
    cluster: Cluster, processes: str
) -> None:
    deaf = Topics(cluster.kafka, f"deaf{processes}")  # no pod reads them
    await deaf.create()
    port = str(free_port())
    several = ("--processes", processes, "--master-bind-port", port, "--master-port", port) if processes != "1" else ()
    more = ("--topic-prefix", f"{deaf.prefix}.", "--run-time", "6s", "--settle-seconds", "2", *several)
    ran = await swarm.run(*options(cluster, *more))
    assert ran.code == 1, ran.output
    assert "Threshold not kept to: deliver order:updated: count_min is 0, allowed 1" in ran.output
    assert "Threshold not kept to: gap: failures_max is" in ran.output
    assert re.search(r"the last \d+ of order:updated until swarm\.\S+ never came to load-", ran.output)


async def test_a_threshold_that_is_not_kept_to_ends_in_1(cluster: Cluster, tmp_path: Path) -> None:
    thresholds = tmp_path / "thresholds.toml"
    thresholds.write_text("[connect]\np99_ms_max = 0.001\n")
    ran = await swarm.run(*options(cluster, "--users", "2", "--run-time", "3s", "--thresholds", str(thresholds)))
    assert ran.code == 1, ran.output
    assert "Threshold not kept to: connect: p99_ms_max is" in ran.output


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--auth-secret", "not the secret that the pods have, but long"), "refuses our token (unauthenticated"),
        (("--auth-secret", "short"), "--auth-secret is shorter than 32 bytes"),
        (
            ("--host", f"http://127.0.0.1:{free_port()}"),
            "cannot be reached by websocket: [Errno 111] Connection refused",
        ),
        (("--host", "shop"), "--host must be a URL such as https://"),
        (("--kafka", f"127.0.0.1:{free_port()}"), "cannot be reached: "),
        (("--topic-prefix", "nobodys."), "has no topic nobodys.inventory.updated, nobodys.order.updated"),
        (("--users", "100000000"), "ulimit -Hn"),
        (("--thresholds", "/nowhere.toml"), "--thresholds /nowhere.toml: [Errno 2] No such file"),
        (("--timeline", "/nowhere/run.jsonl"), "--timeline /nowhere/run.jsonl: [Errno 2] No such file"),
        (("--shape", "pear"), "invalid choice: 'pear'"),
        # By a worker, too, where it is the worker that finds out.
        (("--processes", "2", "--auth-secret", "not the secret that the pods have, but long"), "refuses our token"),
    ],
)
async def test_what_cannot_work_is_told_before_it_begins(cluster: Cluster, more: tuple[str, ...], message: str) -> None:
    ran = await swarm.run(*options(cluster, *more))
    assert ran.code == 2, ran.output
    assert message in ran.output
    assert "Traceback" not in ran.output
