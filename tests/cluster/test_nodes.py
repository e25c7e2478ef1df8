"""The chart on two nodes: its pods roll, drain and die under stock clients while events flow, and nothing is lost."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from parts.js_client import JsClient
from parts.kubernetes import programs, stand_ins
from parts.kubernetes.clients import Helm, Kubectl
from parts.kubernetes.cluster import Cluster
from parts.kubernetes.control_plane import namespace
from parts.kubernetes.realtime_image import realtime_image
from parts.kubernetes.release import Release, heard_all
from parts.tokens import Issuer
from parts.waiting import eventually

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not programs.may_run_nodes(), reason="a node needs root, containerd, runc and iptables"),
]

PODS = 3
# Less than values.yaml's, as nobody but these clients is there to notice that a pod leaves.
VALUES = {
    "gateway": {"replicas": PODS},
    "settings": {
        "drain": {"settleSeconds": 2, "graceSeconds": 5, "retryAfterMs": 500},
        "limits": {"sessionsPerPod": 1000},  # no more than a process may have open here, or the doctor complains
    },
}
USERS = tuple(f"u-{number}" for number in range(4))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    directory = tmp_path_factory.mktemp("cluster")
    cluster = Cluster(directory)
    try:
        await cluster.start([realtime_image(directory / "realtime.tar"), *stand_ins.all_of_values_try()])
        yield cluster
    finally:
        await cluster.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Release]:
    """values-try.yaml in a namespace that enforces the restricted pod security standard."""
    kubectl = Kubectl(cluster.kubectl.config, "shop")
    await kubectl.apply(namespace("shop"))
    issuer = Issuer.hs256()
    identities = {"auth": {"secret": issuer.verification_key}}
    told = {"auth": {"issuer": issuer.name, "audience": issuer.audience}}
    values = VALUES | identities | {"settings": VALUES["settings"] | told}
    release = Release(kubectl, Helm(kubectl, tmp_path_factory.mktemp("helm")), issuer, values)
    await release.install()
    yield release


async def test_one_command_brings_everything_up_and_an_event_reaches_its_user(release: Release) -> None:
    await release.settled(PODS)
    async with release.shoppers(*USERS) as clients, release.events(*USERS) as produced:
        await eventually(lambda: all(map(len, produced.values())), 30, "something was produced for everybody")
    await heard_all(clients, produced)


async def test_helm_test_finds_it_well(release: Release) -> None:
    assert "Succeeded" in await release.helm("test", "realtime", "--timeout=2m")


async def test_a_rolling_update_loses_and_doubles_nothing(release: Release) -> None:
    await release.settled(PODS)
    before = set(await release.pods())
    async with release.shoppers(*USERS) as clients:
        async with release.events(*USERS) as produced:
            await release.upgrade({"gateway": {"replicas": PODS, "podAnnotations": {"tests/update": "another"}}})
            assert not before & set(await release.ready()), "every pod was replaced"
            # helm is content while the last of them still moves its clients.
            moved = lambda: all(connects(client) > 1 for client in clients.values())  # noqa: E731
            await eventually(moved, 60, "every client has gone to another pod")
        await heard_all(clients, produced)


async def test_a_drain_lets_pods_go_as_the_disruption_budget_allows_and_loses_nothing(
    cluster: Cluster, release: Release
) -> None:
    await release.settled(PODS)
    spread = {pod["spec"]["nodeName"] for pod in (await release.pods()).values()}
    assert spread == {"node-1", "node-2"}
    async with release.shoppers(*USERS) as clients:
        async with release.events(*USERS) as produced, release.counted() as ready:
            # What keeps its data in its pod stays where it is.
            of_gateway = "--pod-selector=app.kubernetes.io/component=gateway"
            await release.kubectl(
                "drain", "node-1", of_gateway, "--delete-emptydir-data", "--timeout=240s", timeout_seconds=250
            )
            await release.settled(PODS)
        await heard_all(clients, produced)
    assert {pod["spec"]["nodeName"] for pod in (await release.pods()).values()} == {"node-2"}
    assert min(ready) == PODS - 1, "one was away at a time"
    await release.kubectl("uncordon", "node-1")


async def test_a_container_that_is_killed_is_started_again_and_nothing_is_lost(
    cluster: Cluster, release: Release
) -> None:
    await release.settled(PODS)
    async with release.shoppers(*USERS) as clients:
        async with release.events(*USERS) as produced:
            name, pod = next(iter((await release.pods()).items()))
            (container,) = pod["status"]["containerStatuses"]
            node = next(node for node in cluster.nodes if node.name == pod["spec"]["nodeName"])
            await node.ctr("tasks", "kill", "--signal=SIGKILL", container["containerID"].removeprefix("containerd://"))

            async def started_again() -> bool:
                (status,) = (await release.kubectl.get("pod", name))["status"]["containerStatuses"]
                return status["restartCount"] == container["restartCount"] + 1

            await eventually(started_again, 60, "the kubelet starts it again")
            await release.settled(PODS)
        await heard_all(clients, produced, exactly_once=False)


async def test_a_pod_that_is_deleted_by_force_is_replaced_and_nothing_is_lost(release: Release) -> None:
    await release.settled(PODS)
    gone = next(iter(await release.pods()))
    async with release.shoppers(*USERS) as clients:
        async with release.events(*USERS) as produced:
            await release.kubectl("delete", "pod", gone, "--grace-period=0", "--force")
            await release.settled(PODS)
            assert gone not in await release.pods()
        await heard_all(clients, produced, exactly_once=False)


def connects(client: JsClient) -> int:
    return sum(heard.kind == "connect" for heard in client.heard)
