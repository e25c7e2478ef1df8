"""What Locust is given: `locust -f loadtest/swarm/locustfile.py --host https://... --users 1000`; see docs/load.md."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from locust import LoadTestShape, events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from swarm import crowd, ending, options, preflight, thresholds
from swarm.crowd import Crowd
from swarm.people import AdminDesk, FlakyMobile, InventoryWatcher, Shopper
from swarm.producer import Producer
from swarm.recorder import Recorder
from swarm.shapes import RESTART, SHAPES, Moment
from swarm.timeline import BAD_SETTINGS, WORKER_LOST
from swarm.tokens import BadSettings, Signer
from swarm.workers import Workers

__all__ = ["AdminDesk", "FlakyMobile", "InventoryWatcher", "Producer", "Shopper", "Swarm", "options"]

log = logging.getLogger("swarm")
# What a worker tells its master, beside the reason.
REFUSED: Final = "swarm-refused"
USERS, PER_SECOND = 100, 50.0


@dataclass
class Here:
    """What this process keeps of a run, beside its crowd. Locust's hooks are functions, and have nowhere else."""

    moment: Moment | None = None  # of the shape, now
    told: Moment | None = None  # to workers, since the run began: what they were told before that they have forgotten
    recorder: Recorder | None = None
    workers: Workers | None = None  # a master's
    is_ending: bool = False
    unjudged: Sequence[str] = ()


HERE: Final = Here()


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
        HERE.moment = moment
        _tell(self.runner, moment)
        return moment.users, moment.per_second


def _tell(runner: Any, moment: Moment) -> None:
    """Have all workers do what the shape says; this process's own people, where it is alone."""
    told, HERE.told = HERE.told, moment
    said = {"events": moment.events, "storms": moment.storms}
    if isinstance(runner, LocalRunner):
        _take(said)
    elif told is None or (told.events, told.storms) != (moment.events, moment.storms):
        runner.send_message("swarm", said)
    if moment.phase == RESTART and (told is None or told.phase != RESTART):
        log.warning("Restart the pods now, one after the other: kubectl rollout restart deployment/realtime")


def _take(said: dict[str, Any]) -> None:
    here = crowd.now()
    here.events, here.storms = said["events"], said["storms"]


@events.init.add_listener
def prepare(environment: Any, runner: Any, **_: object) -> None:
    """Read the settings; what is wrong with them ends the run before it begins."""
    options = environment.parsed_options
    try:
        thresholds.load(Path(options.thresholds))
        if options.timeline and not isinstance(runner, WorkerRunner):
            _try_to_write(Path(options.timeline))
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
        runner.register_message(ending.ENDS, lambda **_: ending.settle(crowd.now()), concurrent=True)
    if isinstance(runner, MasterRunner):
        HERE.workers = Workers(runner)
        environment.events.worker_report.add_listener(HERE.workers.hear)
        runner.register_message(REFUSED, lambda msg, **_: _give_up(environment, msg.data))
    crowd.begin(Crowd(options, signer))


@events.test_start.add_listener
def look_first(environment: Any, **_: object) -> None:
    """One comes before all others; if that fails, nobody else need try."""
    runner, options = environment.runner, environment.parsed_options
    HERE.told, HERE.is_ending, HERE.unjudged = None, False, ()
    if HERE.workers is not None:
        Producer.fixed_count = runner.worker_count
        # Workers are sent what stands here.
        options.swarm_people_each = -(-(options.num_users or USERS) // runner.worker_count)
        HERE.workers.begin()
        _record(environment)
        return
    here = crowd.now().anew()
    crowd.begin(here)
    try:
        people = getattr(options, "swarm_people_each", None) or options.num_users or USERS
        preflight.look(here, environment.host or options.host, people)
    except BadSettings as error:
        if environment.web_ui is not None:
            log.critical("%s", error)
            runner.quit()
        else:
            environment.process_exit_code = BAD_SETTINGS
            if isinstance(runner, WorkerRunner):
                runner.send_message(REFUSED, str(error))
            _end(str(error))
    else:
        if isinstance(runner, LocalRunner):
            _record(environment)


@events.test_stopping.add_listener
def end(environment: Any, **_: object) -> None:
    """What comes now is no longer the run; but what was written in it must come. Workers are told by their master."""
    if HERE.is_ending or isinstance(environment.runner, WorkerRunner):
        return
    HERE.is_ending = True
    if HERE.recorder is not None:
        HERE.recorder.stop()
    if environment.process_exit_code == BAD_SETTINGS or _lost():
        return
    if HERE.workers is None:
        ending.settle(crowd.now())
    else:
        ending.settle_all(HERE.workers, environment.parsed_options.settle_seconds)
        HERE.unjudged = HERE.workers.unjudged


@events.quitting.add_listener
def judge(environment: Any, **_: object) -> None:
    """Compare what was measured with what must be kept to. Workers leave that to their master."""
    if isinstance(environment.runner, WorkerRunner) or environment.process_exit_code == BAD_SETTINGS:
        return
    end(environment)  # which it has not where somebody ends it by SIGTERM
    options = environment.parsed_options
    limits = thresholds.load(Path(options.thresholds))
    if not (options.kafka and options.events_per_second):
        limits = {name: limit for name, limit in limits.items() if not name.startswith(("deliver ", "produce"))}
    entries = {name: entry for (name, _), entry in environment.stats.entries.items()}
    judged = thresholds.judge(limits, entries)
    broken = [one for one in judged if not one.is_kept]
    lost = [*_lost(), *HERE.unjudged]
    for problem in lost:
        log.error("The run was ended: %s", problem)
    for one in broken:
        log.error("Threshold not kept to: %s", one)
    if not broken:
        log.info("All thresholds were kept to.")
    environment.process_exit_code = WORKER_LOST if lost else 1 if broken else 0
    if HERE.recorder is not None:
        HERE.recorder.end(judged, lost, environment.process_exit_code)


def _lost() -> list[str]:
    if HERE.workers is None:
        return []
    HERE.workers.look()
    return HERE.workers.lost


def _record(environment: Any) -> None:
    """Write a timeline of the run that begins, if one is asked for."""
    if not environment.parsed_options.timeline:
        return

    def moment() -> tuple[str, int]:
        return ("", 0) if HERE.moment is None else (HERE.moment.phase, HERE.moment.users)

    def connected() -> int:
        return crowd.now().connected if HERE.workers is None else HERE.workers.connected

    HERE.recorder = Recorder(environment, Path(environment.parsed_options.timeline), moment, connected)
    HERE.recorder.begin()


def _try_to_write(path: Path) -> None:
    try:
        path.write_text("")
    except OSError as error:
        raise BadSettings(f"--timeline {path}: {error}") from None


def _give_up(environment: Any, why: str) -> None:
    """End what a worker has found to be impossible. Each of them says so; once is enough."""
    if environment.process_exit_code != BAD_SETTINGS:
        environment.process_exit_code = BAD_SETTINGS
        log.error("A worker says: %s", why)
        environment.runner.quit()


def _end(message: str) -> None:
    print(f"swarm: {message}", file=sys.stderr, flush=True)
    raise SystemExit(BAD_SETTINGS)
