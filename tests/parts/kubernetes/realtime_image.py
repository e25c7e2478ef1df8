"""The image that `make image` has made, as an archive."""

import shutil
import subprocess
from pathlib import Path

import pytest

from parts.kubernetes.clients import VERSION
from parts.needs import IN_CI


def realtime_image(at: Path) -> Path:
    """Write the archive. Without the image the test is skipped; in CI it fails."""
    name = f"realtime:{VERSION}"
    for engine in filter(shutil.which, ("podman", "docker")):
        command = [engine, "save", "--output", str(at), name]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return at
    reason = f"there is no image {name} here: make image"
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
