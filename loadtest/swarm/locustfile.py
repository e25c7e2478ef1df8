"""What Locust is given: `locust -f loadtest/swarm/locustfile.py --host https://... --users 1000`; see docs/load.md."""

import logging
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from locust import LoadTestShape, events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from swarm import crowd, preflight, thresholds
from swarm.crowd import TRANSPORTS, Crowd
from swarm.people import AdminDesk, FlakyMobile, InventoryWatcher, Shopper
from swarm.producer import Producer
from swarm.shapes import SHAPES, Moment
from swarm.tokens import BadSettings, Signer

__all__ = ["AdminDesk", "FlakyMobile", "InventoryWatcher", "Producer", "Shopper", "Swarm"]

log = logging.getLogger("swarm")
# Exit codes beside Locust's 0 and 1.
BAD_SETTINGS: Final = 2
HERE: Final = Path(__file__).parent
USERS, PER_SECOND = 100, 50.0


@events.init_command_line_parser.add_listener
def arguments(parser: ArgumentParser) -> None:
    """Add ours to Locust's own. Each is also an environment variable, and stands in locust.conf."""
    add = parser.add_argument
    secret: dict[str, Any] = {"is_secret": True}
    add("--auth-secret", env_var="SWARM_AUTH_SECRET", default="", help="The pods' secret (HS256)", **secret)
    add("--auth-key-file", env_var="SWARM_AUTH_KEY_FILE", default="", help="Or the private key of theirs (PEM)")
    add(
        "--auth-algorithm",
        env_var="SWARM_AUTH_ALGORITHM",
        default="RS256",
        choices=["RS256", "ES256"],
        help="Of that key",
    )
    add("--auth-issuer", env_var="SWARM_AUTH_ISSUER", default="", help="`iss`, if the pods ask for one")
    add("--auth-audience", env_var="SWARM_AUTH_AUDIENCE", default="", help="`aud`, likewise")
    add(
        "--transport",
        env_var="SWARM_TRANSPORT",
        default="websocket",
        choices=TRANSPORTS,
        help="How people come; mixed: a fifth poll",
    )
    add(
        "--shape",
        env_var="SWARM_SHAPE",
        default="plateau",
        choices=list(SHAPES),
        help="How many people there are, when",
    )
    add(
        "--kafka", env_var="SWARM_KAFKA", default="", help="host:port to produce to; without it nobody is told anything"
    )
    add(
        "--kafka-property",
        env_var="SWARM_KAFKA_PROPERTY",
        action="append",
        help="name=value for librdkafka; again for more",
        **secret,
    )
    add("--topic-prefix", env_var="SWARM_TOPIC_PREFIX", default="", help="What stands before the topics' names")
    add("--events-per-second", env_var="SWARM_EVENTS_PER_SECOND", type=float, default=20.0, help="Of each worker")
    add(
        "--thresholds",
        env_var="SWARM_THRESHOLDS",
        default=str(HERE / "thresholds.toml"),
        help="The file of what must be kept to",
    )


class Swarm(LoadTestShape):
    """By --shape, of --users, --spawn-rate and --run-time."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """What should be now; None: the time is over."""
        assert self.runner is not None
        options: Any = self.runner.environment.parsed_options
        seconds = float(options.run_time or 0)
        elapsed = self.get_run_time()
        if seconds and elapsed >= seconds:
            return None
        part = elapsed / seconds if seconds else 0.0
        moment = SHAPES[options.shape](part, options.num_users or USERS, options.spawn_rate or PER_SECOND)
        _tell(self.runner, moment)
        return moment.users, moment.per_second


_told: Moment | None = None


def _tell(runner: Any, moment: Moment) -> None:
    """Have all workers do what the shape says; this process's own people, where it is alone."""
    global _told  # noqa: PLW0603 - Locust's hooks are functions
    said = {"events": moment.events, "storms": moment.storms}
    if isinstance(runner, LocalRunner):
        _take(said)
    elif _told is None or (_told.events, _told.storms) != (moment.events, moment.storms):
        runner.send_message("swarm", said)
    _told = moment


def _take(said: dict[str, Any]) -> None:
    here = crowd.now()
    here.events, here.storms = said["events"], said["storms"]


@events.init.add_listener
def prepare(environment: Any, runner: Any, **_: object) -> None:
    """Read the settings; what is wrong with them ends the run before it begins."""
    options = environment.parsed_options
    try:
        thresholds.load(Path(options.thresholds))
        signer = Signer.of(
            options.auth_secret,
            options.auth_key_file,
            options.auth_algorithm,
            options.auth_issuer,
            options.auth_audience,
        )
    except BadSettings as error:
        _end(f"{error}")
    if not options.kafka:
        log.warning("Without --kafka nobody is told anything: only connections are measured.")
        environment.user_classes.remove(Producer)
    if isinstance(runner, WorkerRunner):
        runner.register_message("swarm", lambda msg, **_: _take(msg.data))
    crowd.begin(Crowd(options, signer))


@events.test_start.add_listener
def look_first(environment: Any, **_: object) -> None:
    """One comes before all others; if that fails, nobody else need try."""
    runner, options = environment.runner, environment.parsed_options
    if isinstance(runner, MasterRunner):
        Producer.fixed_count = runner.worker_count
        # Workers are sent what stands here.
        options.swarm_people_each = -(-(options.num_users or USERS) // runner.worker_count)
        return
    here = crowd.now()
    here.begin()
    try:
        people = getattr(options, "swarm_people_each", None) or options.num_users or USERS
        preflight.look(here, environment.host or options.host, people)
    except BadSettings as error:
        if environment.web_ui is not None:
            log.critical("%s", error)
            runner.quit()
        else:
            environment.process_exit_code = BAD_SETTINGS
            _end(str(error))


@events.quitting.add_listener
def judge(environment: Any, **_: object) -> None:
    """Compare what was measured with what must be kept to. Workers leave that to their master."""
    if isinstance(environment.runner, WorkerRunner) or environment.process_exit_code == BAD_SETTINGS:
        return
    limits = thresholds.load(Path(environment.parsed_options.thresholds))
    if not environment.parsed_options.kafka:
        limits = {name: limit for name, limit in limits.items() if not name.startswith(("deliver ", "produce"))}
    entries = {name: entry for (name, _), entry in environment.stats.entries.items()}
    broken = thresholds.judge(limits, entries)
    for one in broken:
        log.error("Threshold not kept to: %s", one)
    if not broken:
        log.info("All thresholds were kept to.")
    environment.process_exit_code = 1 if broken else 0


def _end(message: str) -> None:
    print(f"swarm: {message}", file=sys.stderr, flush=True)
    raise SystemExit(BAD_SETTINGS)
