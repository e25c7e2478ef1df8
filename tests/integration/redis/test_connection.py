"""Redis is reached in each way that its URL may say."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from integration.broker.conftest import new_redis_broker
from parts.ports import free_port
from parts.redis_cluster import RedisCluster
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.redis_tls import TlsRedisServer, make_certificate
from parts.waiting import eventually
from realtime.errors import RedisUnavailable
from realtime.redis.connection import QuickPacking, connect_redis, connect_shards, redis_errors
from realtime.redis.keys import Keys
from realtime.settings import RedisSettings
from suites.listening import ListeningPod, publication


async def answers(settings: RedisSettings) -> bool:
    client = connect_redis(settings)
    try:
        with redis_errors("ping"):
            await client.set("{0}:a", "1")
            return await client.get("{0}:a") == b"1"
    finally:
        await client.aclose()


async def test_through_a_unix_socket(tmp_path: Path) -> None:
    socket = tmp_path / "r.sock"
    server = RedisServer(tmp_path / "redis", "--unixsocket", str(socket))
    try:
        await server.start()
        assert await answers(RedisSettings(url=SecretStr(f"unix://{socket}")))
    finally:
        await server.kill()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return (certificate, key) of 127.0.0.1, signed by itself."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def tls_server(tmp_path: Path, certificate: tuple[Path, Path]) -> AsyncIterator[TlsRedisServer]:
    server = TlsRedisServer(tmp_path / "redis", *certificate)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def test_encrypted_and_only_by_whom_both_sides_trust(
    tls_server: TlsRedisServer, certificate: tuple[Path, Path]
) -> None:
    url = SecretStr(tls_server.tls_url)
    file, key = certificate
    assert await answers(RedisSettings(url=url, ssl_ca_file=file, ssl_certificate_file=file, ssl_key_file=key))
    with pytest.raises(RedisUnavailable, match="certificate verify failed"):
        await answers(RedisSettings(url=url, ssl_certificate_file=file, ssl_key_file=key))
    with pytest.raises(RedisUnavailable):
        await answers(RedisSettings(url=url, ssl_ca_file=file))


async def test_a_certificate_for_another_host_counts_only_where_that_is_said(
    tls_server: TlsRedisServer, certificate: tuple[Path, Path]
) -> None:
    file, key = certificate
    settings = RedisSettings(
        url=SecretStr(f"rediss://localhost:{tls_server.tls_port}"),
        ssl_ca_file=file,
        ssl_certificate_file=file,
        ssl_key_file=key,
    )
    with pytest.raises(RedisUnavailable, match="certificate is not valid for 'localhost'"):
        await answers(settings)
    assert await answers(settings.model_copy(update={"ssl_check_hostname": False}))


async def test_by_asking_sentinels_of_which_some_are_away(own_sentinel: RedisSentinel) -> None:
    for sentinel in own_sentinel.sentinels[:2]:
        await sentinel.kill()
    assert await answers(RedisSettings(url=SecretStr(own_sentinel.url)))
    await own_sentinel.sentinels[2].kill()
    with pytest.raises(RedisUnavailable, match="No master found for 'realtime'"):
        await answers(RedisSettings(url=SecretStr(own_sentinel.url)))


async def test_a_name_that_the_sentinels_do_not_know_is_told(own_sentinel: RedisSentinel) -> None:
    url = own_sentinel.url.replace("/realtime/", "/typo/")
    with pytest.raises(RedisUnavailable, match="No master found for 'typo'"):
        await answers(RedisSettings(url=SecretStr(url)))


async def test_by_asking_sentinels_that_want_a_password(tmp_path: Path) -> None:
    sentinel = RedisSentinel(tmp_path, replicas=1, sentinel_password="secret of the sentinels")
    try:
        for child in (*sentinel.nodes, *sentinel.sentinels[:1]):
            await child.start()
        settings = RedisSettings(url=SecretStr(sentinel.url), sentinel_password=SecretStr("secret of the sentinels"))
        assert await answers(settings)
        with pytest.raises(RedisUnavailable):
            await answers(settings.model_copy(update={"sentinel_password": SecretStr("wrong")}))
    finally:
        await sentinel.kill()


async def test_in_a_cluster_each_shard_has_its_own_node(redis_cluster: RedisCluster, prefix: str) -> None:
    # One node of the URL is enough, and one that is away is passed over.
    nowhere, somewhere = f"127.0.0.1:{free_port()}", f"127.0.0.1:{redis_cluster.nodes[1].port}"
    settings = RedisSettings(url=SecretStr(f"redis+cluster://{nowhere},{somewhere}"), shards=5)
    clients = connect_shards(settings)
    assert isinstance(clients[0].connection_pool.make_connection(), QuickPacking)
    owners = set()
    for shard, client in enumerate(clients):
        key = Keys(prefix, shard).epoch
        await client.set(key, f"{shard}")
        owner = await redis_cluster.owner(key)
        owners.add(owner)
        async with Redis.from_url(owner.url) as operator:
            assert await operator.get(key) == f"{shard}".encode()
        await client.aclose()
    assert len(clients) == 5
    assert owners == set(redis_cluster.nodes)


async def test_a_slot_that_has_moved_is_found_again(own_redis_cluster: RedisCluster) -> None:
    settings = RedisSettings(url=SecretStr(own_redis_cluster.url))
    client = connect_redis(settings)
    await client.set("{0}:a", "1")
    await own_redis_cluster.move_slot("{0}:a", await own_redis_cluster.owner("{1}:a"))
    with pytest.raises(RedisUnavailable), redis_errors("get"):
        await client.get("{0}:a")

    async def get() -> bytes | None:  # nodes that have not heard of the move yet name the old one
        with contextlib.suppress(RedisError):
            return await client.get("{0}:a")
        return None

    assert await eventually(get, 10, "it is found where it is now") == b"1"
    await client.aclose()


@pytest.mark.parametrize("is_cluster", [False, True])
async def test_a_user_who_may_do_nothing_dangerous_is_enough(
    redis_server: RedisServer, redis_cluster: RedisCluster, prefix: str, is_cluster: bool
) -> None:
    for server in redis_cluster.nodes if is_cluster else [redis_server]:
        async with Redis.from_url(server.url) as operator:
            rules = (f"~{prefix}:*", f"&{prefix}:*", "+@all", "-@dangerous")
            await operator.execute_command("ACL", "SETUSER", prefix, "on", ">secret", *rules)
    url = (redis_cluster if is_cluster else redis_server).url.replace("://", f"://{prefix}:secret@")
    async with ListeningPod("p", new_redis_broker(url, prefix, "p", shards=3)) as pod:
        await pod.broker.subscribe(["r"])
        await pod.broker.publish_once([publication("a", "r")], "key")
        await pod.hears("a")
        assert (await pod.broker.newest(["r"], None, 1, 60)).deliveries == pod.deliveries
    wrong = url.replace("secret", "wrong")
    with pytest.raises(RedisUnavailable, match="invalid username-password pair"):
        await answers(RedisSettings(url=SecretStr(wrong)))


async def test_a_server_of_no_cluster_says_so(redis_server: RedisServer) -> None:
    settings = RedisSettings(url=SecretStr(redis_server.url.replace("redis://", "redis+cluster://")))
    with pytest.raises(RedisUnavailable, match="cluster support disabled"):
        await answers(settings)
