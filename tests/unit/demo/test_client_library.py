"""The JavaScript client: the one package whose hash is known, or a word on what is missing."""

from pathlib import Path

import pytest

from realtime.demo import client_library
from realtime.demo.client_library import (
    VERSION,
    cached_package,
    extract_script,
    is_intact,
    load_client_library,
)


def test_it_is_kept_where_caches_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    name = f"realtime/socket.io-client-{VERSION}.tgz"
    assert cached_package({"XDG_CACHE_HOME": "/caches"}) == Path("/caches") / name
    assert cached_package({}) == cached_package({"XDG_CACHE_HOME": ""}) == tmp_path / ".cache" / name


def test_another_package_is_never_served() -> None:
    assert not is_intact(b"something else")
    with pytest.raises(ValueError, match="hash"):
        extract_script(b"something else")


async def test_without_npm_it_is_told_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    library = await load_client_library({"XDG_CACHE_HOME": str(tmp_path)})
    assert library.script is None
    assert library.problem is not None
    assert "npm was not found" in library.problem


@pytest.mark.parametrize(
    ("npm", "problem"),
    [
        ("exit 1", "npm failed"),
        (f"echo other > socket.io-client-{VERSION}.tgz", "another package"),
        ("exec sleep 60", "more than 0.2 s"),
    ],
    ids=["offline", "another package", "hangs"],
)
async def test_an_npm_that_does_not_deliver_ends_in_a_word_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, npm: str, problem: str
) -> None:
    program = tmp_path / "npm"
    program.write_text(f"#!/bin/sh\n{npm}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(client_library, "FETCH_TIMEOUT_SECONDS", 0.2)
    library = await load_client_library({"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert library.script is None
    assert problem in str(library.problem)
