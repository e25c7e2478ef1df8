"""From Kafka records to one-user rooms: a whole pod against kafkajs, socket.io and its Redis adapter in one process.

Each socket is its own user's. The backlog is written while the server is frozen (SIGSTOP), with its sockets connected
and its partitions assigned; the time runs from the instant at which it goes on. Each record makes three messages: to
the order's followers, to the user, and to the admins, of whom none is here; so two arrive.
"""

import json
from itertools import count
from uuid import uuid4

from bench.client import LoadClient
from bench.measurements import Metric
from bench.pods import ORDER_UPDATED, make_pod
from bench.processes import NODE, OURS
from bench.run import Run
from parts.kafka import Kafka
from parts.topics import Topics

PARTITIONS = 6
ARRIVING = 2  # of the three messages that a record makes
FOLLOW_ORDERS = '420["subscribe:orders",{}]'

RATE = Metric("kafka/rate", "Kafka records to one-user rooms", "records/s")
CPU = Metric("kafka/cpu", "Kafka records to one-user rooms, processor time", "us/record", more_is_better=False)
_order_ids = count()


async def run(run: Run) -> None:
    """Measure how fast a backlog is worked off."""
    async with run.kafka() as kafka:
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
        server = make_pod(run, kind, topics, redis)
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
            await producer.send(topics.name(ORDER_UPDATED), encoded, partition=user % PARTITIONS)
        await producer.flush()
