"""From Kafka records to one-user rooms: a whole pod against kafkajs, socket.io and its Redis adapter in one process.

Each socket is its own user's. The backlog is written while the server is frozen (SIGSTOP), with its sockets connected
and its partitions assigned; the time runs from the instant at which it goes on. Each record makes three messages: to
the order's followers, to the user, and to the admins, of whom none is here; so two arrive.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from uuid import uuid4

from bench.client import LoadClient
from bench.measurements import Metric
from bench.processes import NODE, OURS, Server, node_command
from bench.run import Run
from parts.apache_kafka import ApacheKafka
from parts.embedded_kafka import EmbeddedKafka
from parts.http import get
from parts.kafka import Kafka
from parts.needs import find
from parts.ports import free_port
from parts.topics import Topics

TOPIC = "order.updated"
PARTITIONS = 6
ARRIVING = 2  # of the three messages that a record makes
FOLLOW_ORDERS = '420["subscribe:orders",{}]'

RATE = Metric("kafka/rate", "Kafka records to one-user rooms", "records/s")
CPU = Metric("kafka/cpu", "Kafka records to one-user rooms, processor time", "us/record", more_is_better=False)
_order_ids = count()


class PodServer(Server):
    """`realtime serve`, which is ready when it has its partitions."""

    async def is_ready(self) -> bool:
        """Ask as Kubernetes would."""
        response = await get(f"http://127.0.0.1:{self.port}/health/ready")
        return response is not None and response.status_code == 200


async def run(run: Run) -> None:
    """Measure how fast a backlog is worked off."""
    async with _kafka(run) as kafka:
        for repetition in run.repetitions("kafka"):
            for kind in run.among("kafka", repetition, OURS, NODE):
                run.say(f"Kafka to one-user rooms: {kind}")
                with run.survives(f"Kafka to one-user rooms, {kind}"):
                    await _measure(run, kind, kafka)


async def _measure(run: Run, kind: str, kafka: Kafka) -> None:
    topics = Topics(kafka, f"b{uuid4().hex[:8]}")
    await topics.create(partitions=PARTITIONS)
    sockets, records = run.plan.kafka_sockets, run.plan.kafka_records
    async with run.redis() as redis:
        server = (_pod if kind == OURS else _node)(run, topics, redis)
        async with run.running(server), LoadClient(server.directory) as client:
            await client.group("all", server.port, tokens=run.tokens(sockets), joins=[FOLLOW_ORDERS])
            await client.connect("all", sockets)
            server.pause()
            await _write_backlog(topics, records, sockets)
            await client.arm("all", '"orderId":"o-', strict=False)
            before = server.cpu_seconds()
            server.resume()
            report = await client.wait("all", ARRIVING * records)
            spent = server.cpu_seconds() - before
            report.check(ARRIVING * records, sockets)
    run.record(RATE, kind, records / report.seconds)
    run.record(CPU, kind, spent / records * 1e6)
    await topics.delete()


async def _write_backlog(topics: Topics, records: int, users: int) -> None:
    async with topics.producer() as producer:
        for i in range(records):
            user = i % users
            value = {
                "orderId": f"o-{next(_order_ids)}",
                "buyerId": f"user-{user}",
                "status": "shipped",
                "previousStatus": "packed",
                "totalAmount": 149.9,
                "trackingNumber": f"Z-{i:08d}",
                "updatedAt": "2026-11-24T08:00:00Z",
            }
            encoded = json.dumps(value, separators=(",", ":")).encode()
            await producer.send(topics.name(TOPIC), encoded, partition=user % PARTITIONS)
        await producer.flush()


def _pod(run: Run, topics: Topics, redis: str) -> Server:
    port = free_port()
    settings = {
        **topics.settings,
        "REALTIME_AUTH__SECRET": run.issuer.signing_key,
        "REALTIME_REDIS__URL": redis,
        "REALTIME_HTTP__HOST": "127.0.0.1",
        "REALTIME_HTTP__PORT": str(port),
        "REALTIME_LOG__LEVEL": "warning",
    }
    command = [sys.executable, "-m", "realtime", "serve"]
    return PodServer(OURS, command, run.directory / f"pod-{port}", run.cores.server, port, settings)


def _node(run: Run, topics: Topics, redis: str) -> Server:
    port = free_port()
    options = {
        "port": str(port),
        "secret": run.issuer.signing_key,
        "redis": redis,
        "kafka": topics.kafka.bootstrap_servers,
        "topic": topics.name(TOPIC),
        "group": topics.group_id,
    }
    command = node_command("kafka.mjs", options)
    return Server(NODE, command, run.directory / f"kafkajs-{port}", run.cores.server, port)


@asynccontextmanager
async def _kafka(run: Run) -> AsyncIterator[Kafka]:
    is_apache = find("java") and find("mvn")
    broker: ApacheKafka | EmbeddedKafka
    broker = ApacheKafka(run.directory / "kafka") if is_apache else EmbeddedKafka(run.directory / "kafka")
    run.say(f"starting {broker.name}")
    await broker.start()
    run.parts_used.add(broker.name)
    try:
        yield broker
    finally:
        await broker.kill()
