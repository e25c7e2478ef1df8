"""A small shop under load that has a bad minute: what the dashboards are tried on, and drawn from."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx

from conformance import raw
from dashboards.kube_state_metrics import KubeStateMetrics
from parts.crowd import Crowd, Listener
from parts.pod import Cluster
from parts.prometheus import Prometheus
from parts.python_client import PythonClient
from parts.redis_server import RedisServer
from parts.redis_tls import TlsRedisServer, make_certificate
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

SCRAPE_SECONDS = 1.0
USERS = 12
LISTENERS = 36
EVENTS_A_SECOND = 40
PATIENCE_SECONDS = 60
SETTINGS = {
    # So small that some histories are full after seconds.
    "REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM": "100",
    # So quick that an outage of seconds opens the breaker; on a busy machine TLS begins slowly.
    "REALTIME_REDIS__COMMAND_TIMEOUT_SECONDS": "2",
    "REALTIME_REDIS__CONNECT_TIMEOUT_SECONDS": "10",
    "REALTIME_BREAKER__FAILURES": "2",
    # So slow that a drain of a dozen sockets is seen.
    "REALTIME_DRAIN__SETTLE_SECONDS": "2",
    "REALTIME_DRAIN__WAVE_SOCKETS": "3",
    "REALTIME_DRAIN__WAVE_INTERVAL_SECONDS": "1",
    "REALTIME_DRAIN__RETRY_AFTER_MS": "500",
    "REALTIME_LIMITS__SESSIONS_PER_POD": "40",
    # In each pod's directory.
    "REALTIME_REDIS__SSL_CA_FILE": "certificate.pem",
    "REALTIME_REDIS__SSL_CERTIFICATE_FILE": "certificate.pem",
    "REALTIME_REDIS__SSL_KEY_FILE": "key.pem",
}


class Stage:
    """Three pods behind haproxy, a crowd that listens, and a Prometheus that watches."""

    def __init__(self, cluster: Cluster, redis: RedisServer, prometheus: Prometheus) -> None:
        self.cluster = cluster
        self.redis = redis
        self.prometheus = prometheus

    async def is_calm(self, scrapes: int) -> None:
        """Wait until so many scrapes have been made since."""
        at = "max(scrape_samples_scraped) * 0 + max(timestamp(up))"
        begin = await self.prometheus.value(at) or 0

        async def enough() -> bool:
            return (await self.prometheus.value(at) or 0) >= begin + scrapes * SCRAPE_SECONDS

        await eventually(enough, PATIENCE_SECONDS, f"Prometheus has scraped {scrapes} times")

    async def sees(self, promql: str) -> None:
        """Wait until a condition of PromQL holds for something."""

        async def holds() -> bool:
            return bool(await self.prometheus.query(promql))

        await eventually(holds, PATIENCE_SECONDS, f"Prometheus sees {promql}")

    async def bad_records_come(self) -> None:
        """What cannot become an event."""
        topics = self.cluster.topics
        for value in (b"not JSON", b'{"orderId":"o-1"}', b'{"orderId":"o-2","userId":7}'):
            await topics.produce("order.created", value, key="bad")
        await self.sees("sum(realtime_dead_letters_total) >= 3")

    async def strangers_come(self) -> None:
        """Who has no good token, and who asks for a session that there never was."""
        issuer, url = self.cluster.issuer, self.cluster.url
        for token in (issuer.expired("u-1"), issuer.tampered("u-1"), "not a token"):
            client = PythonClient(url, token)
            assert (await client.open()).kind == "connect_error"
            await client.close()
        async with httpx.AsyncClient(base_url=url) as http:
            assert (await http.get("/socket.io/?EIO=4&transport=polling&sid=gone")).status_code == 400
        await self.sees('sum(realtime_connects_total{outcome!="accepted"}) >= 3')

    async def one_comes_back(self) -> None:
        """Who was away is told what came meanwhile; who says a place that is none is told so."""
        token, url = self.cluster.issuer.token("away"), self.cluster.url
        async with PythonClient(url, token) as client:
            offset = (await client.wait_for_event("connection:success")).args[0]["offset"]
        for number in range(5):
            value = {"orderId": f"o-{number}", "userId": "away", "status": "shipped"}
            await self.cluster.topics.produce("order.updated", value, key="away")
        await self.sees("max(realtime_kafka_consumer_lag_records) < 100")
        for said in (offset, "no place"):
            async with PythonClient(url, token, auth={"offset": said}) as client:
                await client.wait_for_event("connection:success")
        await self.sees('sum(realtime_recoveries_total{outcome="recovered"}) >= 1')

    async def one_does_not_read(self) -> None:
        """An admin whose browser has stopped, until its connection is given up."""
        pod, issuer = self.cluster.pods[0], self.cluster.issuer
        said = [
            raw.upgrade_request("/socket.io/?EIO=4&transport=websocket"),
            raw.text("40" + json.dumps({"token": issuer.token("root", "admin")})),
            raw.text('420["subscribe:admin",{}]'),
            raw.text('421["subscribe:inventory",{}]'),
        ]
        notice = {"message": "all hands", "data": {f"page {n}": "x" * 9_000 for n in range(6)}}
        headers = {"Authorization": f"Bearer {issuer.token('service', 'service')}"}
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", pod.port))
            for piece in said:
                await asyncio.get_running_loop().sock_sendall(deaf, piece)
            async with httpx.AsyncClient(base_url=pod.url, headers=headers) as http:

                async def is_given_up() -> bool:
                    response = await http.post("/realtime/broadcast/admin", json=notice)
                    assert response.is_success, response.text
                    for stock in range(3):
                        value = {"productId": "p-1", "stock": 20 + stock}
                        await self.cluster.topics.produce("inventory.updated", value, key="p-1")
                    return bool(await self.prometheus.query("sum(realtime_slow_consumers_closed_total) > 0"))

                await eventually(is_given_up, PATIENCE_SECONDS, "who does not read is given up")

    async def redis_is_away(self) -> None:
        """For some seconds Redis does not answer."""
        self.redis.pause()
        try:
            await self.sees('max(realtime_breaker_state{dependency="redis"}) == 2')
            await self.sees("max(realtime_kafka_consumer_lag_seconds) > 5")
        finally:
            self.redis.resume()
        await self.sees('max(realtime_breaker_state{dependency="redis"}) == 0')
        await self.sees("max(realtime_kafka_consumer_lag_seconds) < 1")

    async def a_pod_is_replaced(self) -> None:
        """One leaves, as in a deploy, and comes again."""
        pod = self.cluster.pods[-1]
        leaving = asyncio.create_task(pod.terminate())
        await self.sees(f'realtime_draining_sessions{{pod="{pod.name}"}} > 0')
        assert await leaving == 0
        await self.sees(f'up{{pod="{pod.name}"}} == 0')
        await pod.start()
        await self.sees('sum(up{job="realtime"}) == 3')


@asynccontextmanager
async def stage(directory: Path, topics: Topics, issuer: Issuer, rule_files: list[Path]) -> AsyncIterator[Stage]:
    """Start everything and the load; it ends with the block."""
    async with AsyncExitStack() as at_the_end:
        certificate = make_certificate(directory, good_for_days=60)
        redis = TlsRedisServer(directory / "redis", *certificate)
        at_the_end.push_async_callback(redis.kill)
        await redis.start()
        settings = SETTINGS | {"REALTIME_REDIS__URL": redis.tls_url}
        cluster = Cluster(directory / "cluster", topics, redis, issuer, pods=3, settings=settings)
        for pod in cluster.pods:
            pod.start_timeout_seconds = PATIENCE_SECONDS
            pod.directory.mkdir(parents=True)
            for file in certificate:
                shutil.copy(file, pod.directory)
        await at_the_end.enter_async_context(cluster)
        kubernetes = KubeStateMetrics(lambda: len([pod for pod in cluster.pods if pod.is_running]))
        await at_the_end.enter_async_context(kubernetes)
        prometheus = Prometheus(
            directory / "prometheus",
            [*cluster.pods, kubernetes.target],
            rule_files=rule_files,
            scrape_interval_seconds=SCRAPE_SECONDS,
        )
        at_the_end.push_async_callback(prometheus.kill)
        await prometheus.start()
        crowd = await at_the_end.enter_async_context(Crowd(cluster.url, keep=lambda _: False))
        for number in range(LISTENERS):
            user = f"u-{number % USERS}"
            crowd.add(Listener(user, issuer.token(user), ("subscribe:orders", "subscribe:inventory")))
        await eventually(crowd.all_listen, PATIENCE_SECONDS, "all listen")
        producing = asyncio.create_task(_produce(topics))
        try:
            await prometheus.has_scraped()
            yield Stage(cluster, redis, prometheus)
            crowd.all_listen()
        finally:
            producing.cancel()
            with suppress(asyncio.CancelledError):
                await producing


async def _produce(topics: Topics) -> None:
    """Orders of all users, and stock, at a steady pace."""
    number = 0
    async with topics.producer() as producer:
        while True:
            user = f"u-{number % USERS}"
            order = {"orderId": f"o-{number}", "userId": user, "status": "shipped"}
            await producer.send(topics.name("order.updated"), json.dumps(order).encode(), key=user.encode())
            if number % 10 == 0:
                product = f"p-{number % 50}"
                stock = json.dumps({"productId": product, "stock": 20 + number % 30}).encode()
                await producer.send(topics.name("inventory.updated"), stock, key=product.encode())
            number += 1
            # The pace of a load, not a wait for anything.
            await asyncio.sleep(1 / EVENTS_A_SECOND)
