"""A broker that chaos may kill, and how a scenario of `loadtest/chaos` is run as a test."""

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from parts.apache_kafka import ApacheKafka
from parts.needs import need


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    """Apache Kafka, for this module alone, to kill: the embedded one forgets everything then."""
    need("java")
    need("mvn")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away is what is meant to be
    kafka = ApacheKafka(tmp_path_factory.mktemp("chaos"))
    await kafka.start()
    yield kafka
    await kafka.kill()
