"""Before thousands come: whether one gets in, whether there are descriptors for all, whether Kafka is there."""

import resource
from typing import Any
from urllib.parse import urlsplit

from gevent import get_hub

from swarm.client import Client, Refused
from swarm.crowd import Crowd
from swarm.links import LINKS, LinkLost, TurnedAway
from swarm.tokens import BadSettings

# Python, Locust and Kafka themselves.
OTHER_DESCRIPTORS = 256
KAFKA_SECONDS = 10.0


def look(crowd: Crowd, host: str | None, people: int) -> None:
    """Raise `BadSettings`, which says what to mend, unless `people` of this process can be there."""
    url = urlsplit(host or "")
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise BadSettings(f"--host must be a URL such as https://realtime.shop.example, not {host!r}")
    _descriptors(people * (2 if crowd.options.transport != "websocket" else 1) + OTHER_DESCRIPTORS)
    _target(crowd, str(host))
    if crowd.options.kafka:
        _kafka(crowd.options)


def _descriptors(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    if hard < needed:
        raise BadSettings(
            f"these people take {needed:,} file descriptors, and a process here may open {hard:,}: raise the hard "
            f"limit (as root `ulimit -Hn {needed}`; in Kubernetes the node's), or divide them over more workers "
            "(--processes, --worker)"
        )


def _target(crowd: Crowd, host: str) -> None:
    transport = "polling" if crowd.options.transport == "polling" else "websocket"
    client = Client(lambda: LINKS[transport](host), crowd.signer.token("load-preflight"), lambda _name, _data: None)
    try:
        client.connect()
    except Refused as refused:
        hint = "is --auth-secret, or the key, the one that the pods verify with? --auth-issuer, --auth-audience?"
        raise BadSettings(f"{host} refuses our token ({refused}): {hint}") from None
    except TurnedAway:
        raise BadSettings(f"{host} sends everybody away (503): no pod is ready, or all are full") from None
    except LinkLost as lost:
        raise BadSettings(f"{host} cannot be reached by {transport}: {lost}") from None
    finally:
        client.leave()


def _kafka(options: Any) -> None:
    from confluent_kafka import KafkaException  # noqa: PLC0415 - not needed where nobody produces
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    from swarm.producer import properties  # noqa: PLC0415

    kept = {
        name: value
        for name, value in properties(options).items()
        if name not in {"enable.idempotence", "linger.ms", "message.timeout.ms"}
    }

    def topics() -> set[str] | KafkaException:
        try:
            return set(AdminClient(kept).list_topics(timeout=KAFKA_SECONDS).topics)
        except KafkaException as error:
            return error  # raised, gevent would print it

    # librdkafka blocks, and a worker that is silent meanwhile is given up by its master.
    found = get_hub().threadpool.apply(topics)
    if isinstance(found, KafkaException):
        raise BadSettings(f"--kafka {options.kafka} cannot be reached: {found.args[0].str()}")
    missing = {f"{options.topic_prefix}{topic}" for topic in ("order.updated", "inventory.updated")} - found
    if missing:
        raise BadSettings(
            f"--kafka {options.kafka} has no topic {', '.join(sorted(missing))}; is --topic-prefix right?"
        )
