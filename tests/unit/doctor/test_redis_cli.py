"""Commands are for the server that was looked at, and mean in a shell what they say."""

import shlex
from pathlib import Path

import pytest

from realtime.doctor.redis_cli import configure, redis_cli, rights
from realtime.settings import RedisSettings


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("r-1.internal:6380", ["-h", "r-1.internal", "-p", "6380"]),
        ("::1:6379", ["-h", "::1", "-p", "6379"]),
        ("/run/our redis.sock", ["-s", "/run/our redis.sock"]),
        ("", []),
    ],
)
def test_a_command_names_its_server(address: str, options: list[str]) -> None:
    assert shlex.split(redis_cli(RedisSettings(), address)) == ["redis-cli", *options]


def test_with_tls_it_trusts_whom_we_trust(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    settings = RedisSettings(url="rediss://me:secret-of-mine@r:6379/0", ssl_ca_file=authorities)
    cli = redis_cli(settings, "r:6379")
    assert shlex.split(cli) == ["redis-cli", "-h", "r", "-p", "6379", "--tls", "--cacert", str(authorities)]


def test_both_halves_of_a_change_are_for_the_same_server() -> None:
    assert configure("redis-cli -p 1", "x y") == "redis-cli -p 1 CONFIG SET x y && redis-cli -p 1 CONFIG REWRITE"


def test_rights_are_for_our_own_prefix_and_survive_a_shell() -> None:
    text = rights(RedisSettings(key_prefix="shop"))
    assert "PREFIX" not in text
    assert {"~shop:*", "&shop:*"} <= set(shlex.split(text))
    assert "'~shop:*' '&shop:*'" in text
