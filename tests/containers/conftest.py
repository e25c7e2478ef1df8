"""The image, built once; and no container is left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from parts import containers
from parts.used import note

HERE = Path(__file__).parent


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the image before the first test, whose time limit is no place for that."""
    if not session.config.option.collectonly and any(item.path.is_relative_to(HERE) for item in session.items):
        containers.build_image()


@pytest.fixture(scope="session", autouse=True)
def image() -> Iterator[str]:
    """What it is called."""
    note("containers", f"{containers.podman('--version')}, Debian {containers.SUITE}")
    yield containers.IMAGE
    left = containers.podman("ps", "--all", "--quiet", "--filter", "name=realtime-test-").split()
    if left:
        containers.podman("rm", "--force", "--time=0", *left)
