"""Apache Kafka itself: one KRaft node, fetched from Maven Central by Maven, run by Java."""

import shutil
import subprocess
from pathlib import Path

from parts.cache import made_once
from parts.child import Child, DoesNotStart
from parts.kafka import answers
from parts.needs import need
from parts.ports import free_port

VERSION = "4.3.1"
# Kafka's slf4j-api is 1.7, which wants log4j-slf4j-impl, not log4j-slf4j2-impl.
LOG4J_VERSION = "2.25.3"

# A quick start matters more to tests than throughput.
JVM_OPTIONS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-Dlog4j2.level=WARN"]

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>realtime.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>{LOG4J_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=BROKER://127.0.0.1:{port},BEHIND://127.0.0.1:{behind_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=BROKER://127.0.0.1:{port},BEHIND://127.0.0.1:{proxy_port}
listener.security.protocol.map=BROKER:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=500
"""


class ApacheKafka(Child):
    """One broker in a JVM of its own. Started again, it is on the same port with the same records.

    Clients that ask it at `behind_port` are told to come to `proxy_port`, where a test may put a proxy to `behind_port`:
    such clients can be cut off while others are not.
    """

    part = "Kafka"
    title = f"Apache Kafka {VERSION}"
    keeps_data = True
    start_timeout_seconds = 60.0  # a JVM that starts while all cores are busy was seen to take 40

    def __init__(self, directory: Path, *more: str) -> None:
        """`more` are further lines of its server.properties."""
        self._more = more
        self.port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        self.behind_port, self.proxy_port = free_port(), free_port()
        self._data = directory / "data"
        self._properties = directory / "server.properties"
        super().__init__(self.title, _java("kafka.Kafka", self._properties), directory)

    async def start(self) -> None:
        """Start it, the first time on a copy of the cached empty storage: to format one takes a JVM of its own."""
        if not self._data.exists():
            shutil.copytree(distribution() / "storage", self._data)
            _write_properties(self._properties, self._data, self.port, free_port(), self.behind_port, self.proxy_port)
            with self._properties.open("a") as properties:
                properties.writelines(f"{line}\n" for line in self._more)
        await super().start()

    async def is_ready(self) -> bool:
        return await answers(self.bootstrap_servers)


def distribution() -> Path:
    """Return the cached directory with Kafka's jars (`libs`) and a formatted, empty `storage`; fetch it if need be."""
    return made_once(f"kafka-{VERSION}", _make_distribution)


def _make_distribution(directory: Path) -> None:
    libs, storage, pom = directory / "libs", directory / "storage", directory / "pom.xml"
    pom.write_text(POM)
    _run(
        [
            need("mvn"),
            *("--batch-mode", "--quiet", "--file", str(pom)),
            "org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies",
            *("-DincludeScope=runtime", f"-DoutputDirectory={libs}"),
        ]
    )
    properties = directory / "format.properties"
    _write_properties(properties, storage, 9092, 9093, 9094, 9094)  # ports leave no trace in the storage
    format_command = _java("kafka.tools.StorageTool", "format", "--config", properties, libs=libs)
    _run([*format_command, "--cluster-id", "cmVhbHRpbWUtdGVzdHMtMQ"])


def _write_properties(
    properties: Path, data: Path, port: int, controller_port: int, behind_port: int, proxy_port: int
) -> None:
    properties.write_text(
        SERVER_PROPERTIES.format(
            data=data, port=port, controller_port=controller_port, behind_port=behind_port, proxy_port=proxy_port
        )
    )


def _java(main_class: str, *arguments: str | Path, libs: Path | None = None) -> list[str]:
    class_path = f"{libs or distribution() / 'libs'}/*"
    return [need("java"), *JVM_OPTIONS, "-cp", class_path, main_class, *map(str, arguments)]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise DoesNotStart(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
