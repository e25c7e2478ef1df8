"""The chart with values-try.yaml on a cluster that runs it, and what tests do with it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from parts.js_client import JsClient
from parts.kubernetes.clients import CHART, Helm, Kubectl
from parts.tokens import Issuer
from parts.waiting import eventually

NAME = "realtime"
# A client waits this long for what was produced while its pod went away.
PATIENCE_SECONDS = 60


class Release:
    """One release, named realtime. Its Kafka and its pods are reached at the addresses of its Services."""

    def __init__(self, kubectl: Kubectl, helm: Helm, issuer: Issuer, values: Mapping[str, Any]) -> None:
        self.kubectl = kubectl
        self.helm = helm
        self.issuer = issuer
        self.values = values

    async def install(self) -> str:
        """Do what values-try.yaml says, with `issuer` for the identities, and wait until it is there."""
        told = await self.helm.install(NAME, self.values, [CHART / "values-try.yaml"], "--wait", "--timeout=5m")
        self.url = f"http://{await self.address(NAME)}"
        return told

    async def upgrade(self, values: Mapping[str, Any]) -> None:
        """Upgrade, and wait until the Deployment has replaced all its pods."""
        files = [CHART / "values-try.yaml"]
        await self.helm.upgrade(NAME, {**self.values, **values}, files, "--wait", "--timeout=5m")

    async def address(self, service: str) -> str:
        """Return where a Service is: an address and its port."""
        spec = (await self.kubectl.get("service", service))["spec"]
        return f"{spec['clusterIP']}:{spec['ports'][0]['port']}"

    async def pods(self) -> dict[str, dict[str, Any]]:
        """Return the pods that hold sockets and are not leaving, by name."""
        found = await self.kubectl.list("pods", "app.kubernetes.io/component=gateway")
        return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    async def ready(self) -> list[str]:
        """Return the names of those that are ready."""
        return [name for name, pod in (await self.pods()).items() if is_ready(pod)]

    async def settled(self, pods: int) -> None:
        """Wait until there are so many pods, all of them ready."""

        async def are() -> bool:
            return len(await self.ready()) == pods == len(await self.pods())

        await eventually(are, 120, f"{pods} pods are there and ready")

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[list[int]]:
        """Look all the while how many pods are ready; give what was seen."""
        seen: list[int] = []

        async def look() -> None:
            while True:
                seen.append(len(await self.ready()))

        looking = asyncio.create_task(look())
        try:
            yield seen
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    @asynccontextmanager
    async def shoppers(self, *users: str) -> AsyncIterator[dict[str, JsClient]]:
        """Give stock clients that come back by themselves, each one listening to the orders of its user."""
        clients = {
            user: JsClient(self.url, self.issuer.token(user), reconnects=True, auth={"recovery": True})
            for user in users
        }
        try:
            for client in clients.values():
                await client.open()
                assert (await client.command("subscribe:orders"))["ok"]
            yield clients
        finally:
            for client in clients.values():
                await client.close()

    @asynccontextmanager
    async def events(self, *users: str, interval_seconds: float = 0.1) -> AsyncIterator[dict[str, list[str]]]:
        """Let each user's orders change all the while; give the numbers of those changes that Kafka has, by user."""
        produced: dict[str, list[str]] = {user: [] for user in users}
        kafka = await self.address(f"{NAME}-kafka")
        with _known({f"{NAME}-kafka": kafka.partition(":")[0]}):
            producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
            await producer.start()

            enough = asyncio.Event()

            async def produce() -> None:
                number = 0
                while not enough.is_set():
                    for user in users:
                        order = {"orderId": str(number), "userId": user, "status": "shipped"}
                        await producer.send_and_wait("order.updated", json.dumps(order).encode(), key=user.encode())
                        produced[user].append(str(number))
                    number += 1
                    await asyncio.sleep(interval_seconds)

            producing = asyncio.create_task(produce())
            try:
                yield produced
            finally:
                # Not cancelled: of a record on its way nobody would know whether Kafka has it.
                enough.set()
                await producing
                await producer.stop()


@contextmanager
def _known(addresses: Mapping[str, str]) -> Iterator[None]:
    """Know names of the cluster here, as a pod does: Kafka tells its own to whoever asks where partitions are."""
    ask = socket.getaddrinfo

    def answer(host: Any, *args: Any, **kwargs: Any) -> Any:
        return ask(addresses.get(host, host), *args, **kwargs)

    socket.getaddrinfo = answer
    try:
        yield
    finally:
        socket.getaddrinfo = ask


async def heard_all(
    clients: Mapping[str, JsClient], produced: Mapping[str, list[str]], *, exactly_once: bool = True
) -> None:
    """Wait until each client has heard all changes of its user's orders.

    In their order and none twice, unless a pod was killed: what it had sent and not yet said so is sent again.
    """
    for user, client in clients.items():
        wanted = set(produced[user])
        try:
            await client.wait_for_event("order:updated", len(produced[user]), PATIENCE_SECONDS)
            await eventually(lambda: wanted <= set(_heard(client)), PATIENCE_SECONDS, "they are the right ones")  # noqa: B023
        except AssertionError as error:
            error.add_note(f"{user} did not hear, of {len(wanted)}: {sorted(wanted - set(_heard(client)), key=int)}")
            raise
        if exactly_once:
            assert _heard(client) == produced[user], f"{user} heard changes twice or in another order"


def _heard(client: JsClient) -> list[str]:
    return [event.args[0]["orderId"] for event in client.events("order:updated")]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the kubelet found it so."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
