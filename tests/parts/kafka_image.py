"""Apache Kafka as its own image starts it: the image's program makes a configuration of KAFKA_* variables, then a broker runs."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from parts.apache_kafka import JVM_OPTIONS, VERSION, distribution
from parts.child import Child
from parts.kafka import answers
from parts.needs import need
from parts.ports import free_port
from parts.waiting import eventually

CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"


class KafkaOfImage(Child):
    """One broker of the variables that a manifest gives the container, its addresses moved to free ports of loopback.

    The image itself, its scripts and its container, are no part of this.
    """

    part = "Kafka"
    start_timeout_seconds = 90.0

    def __init__(self, directory: Path, variables: Mapping[str, str], listener: str) -> None:
        """`listener` is the one that clients come in by, such as CLIENTS."""
        self._ports = {name: free_port() for name, _ in _addresses(variables["KAFKA_LISTENERS"])}
        self.bootstrap_servers = f"127.0.0.1:{self._ports[listener]}"
        self._final = directory / "config"
        moved = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS"}
        self.variables = {name: value for name, value in variables.items() if name not in moved} | {
            name: ",".join(
                f"{listener}://127.0.0.1:{self._ports[listener]}" for listener, _ in _addresses(variables[name])
            )
            for name in moved
        }
        controller = variables["KAFKA_CONTROLLER_LISTENER_NAMES"]
        self.variables["KAFKA_CONTROLLER_QUORUM_VOTERS"] = f"1@127.0.0.1:{self._ports[controller]}"
        self.variables["KAFKA_LOG_DIRS"] = str(directory / "data")
        command = [*self._java(), "kafka.Kafka", str(self._final / "server.properties")]
        super().__init__(f"Apache Kafka {VERSION} as its image starts it", command, directory, self._all_variables())

    async def start(self) -> None:
        """Do what the image's /etc/kafka/docker/launch does: set up, format, run."""
        mounted, default = self.directory / "mounted", self.directory / "default"
        for folder in (self._final, mounted, default):
            folder.mkdir(parents=True, exist_ok=True)
        # As in the image: what configuration there is if no variable were given, and how to log.
        (default / "server.properties").write_text("# never used: there are variables\n")
        command = [
            *self._java(),
            *("kafka.docker.KafkaDockerWrapper", "setup"),
            *("--default-configs-dir", str(default)),
            *("--mounted-configs-dir", str(mounted)),
            *("--final-configs-dir", str(self._final)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, env=self._all_variables(), check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        await super().start()

    async def is_ready(self) -> bool:
        return await answers(self.bootstrap_servers)

    async def partitions_of(self, topic: str) -> int:
        """Ask as a pod does that wants to read it; how many there are once it exists."""
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.bootstrap_servers)
        await consumer.start()
        try:
            found = await eventually(lambda: consumer.partitions_for_topic(topic), 30, f"{topic} exists")
        finally:
            await consumer.stop()
        return len(found)

    def _all_variables(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | self.variables | {"CLUSTER_ID": CLUSTER_ID}

    @staticmethod
    def _java() -> list[str]:
        return [need("java"), *JVM_OPTIONS, "-cp", f"{distribution() / 'libs'}/*"]


def _addresses(listeners: str) -> list[tuple[str, str]]:
    return [(name, address) for name, _, address in (one.partition("://") for one in listeners.split(","))]
