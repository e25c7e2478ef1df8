"""A control plane for all tests here, and a namespace for each."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from parts.kubernetes import programs
from parts.kubernetes.clients import Helm, Kubectl
from parts.kubernetes.control_plane import ControlPlane, namespace

HERE = Path(__file__).parent


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, whose time limit is no place for that."""
    if not session.config.option.collectonly and any(item.path.is_relative_to(HERE) for item in session.items):
        programs.helm()
        programs.kubernetes()
        if any(item.path.stem == "test_scaling" for item in session.items):
            programs.adapter()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A Kubernetes without nodes: it takes and keeps objects, and its controllers act on them."""
    directory = tmp_path_factory.mktemp("plane")
    plane = ControlPlane(directory)
    try:
        await plane.start()
        for definition in programs.definitions():
            # Too large for the annotation that an ordinary apply leaves.
            await plane.kubectl("apply", "--server-side", "--filename=-", stdin=definition)
        await plane.kubectl("wait", "--for=condition=Established", "customresourcedefinitions", "--all")
        yield plane
    finally:
        await plane.kill()
        shutil.rmtree(directory / "etcd" / "data", ignore_errors=True)


@pytest.fixture
async def kubectl(plane: ControlPlane) -> AsyncIterator[Kubectl]:
    """kubectl in a namespace of this test's own, which enforces the restricted pod security standard."""
    kubectl = Kubectl(plane.kubectl.config, f"test-{uuid4().hex[:8]}")
    await kubectl.apply(namespace(kubectl.namespace))
    yield kubectl
    await kubectl("delete", "namespace", kubectl.namespace, "--wait=false")


@pytest.fixture
def helm(kubectl: Kubectl, tmp_path: Path) -> Helm:
    """The real helm in that namespace."""
    return Helm(kubectl, tmp_path / "helm")
