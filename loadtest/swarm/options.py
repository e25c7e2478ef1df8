"""What the command line takes beside Locust's own. Each is also an environment variable, and stands in locust.conf."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any, Final

from locust import events

from swarm.crowd import TRANSPORTS
from swarm.shapes import SHAPES

LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")
THRESHOLDS: Final = Path(__file__).with_name("thresholds.toml")


@events.init_command_line_parser.add_listener
def arguments(parser: ArgumentParser) -> None:
    """Add ours, in a group of their own."""
    group = parser.add_argument_group("People on sockets", "Ours; what is measured, and how: docs/load.md.")
    add = partial(_add, group)
    add("--auth-secret", default="", is_secret=True, help="The pods' secret (HS256)")
    add("--auth-key-file", default="", help="Or the private key of theirs (PEM)")
    add("--auth-algorithm", default="RS256", choices=["RS256", "ES256"], help="Of that key")
    add("--auth-issuer", default="", help="`iss`, if the pods ask for one")
    add("--auth-audience", default="", help="`aud`, likewise")
    add("--transport", default="websocket", choices=TRANSPORTS, help="How people come; mixed: a fifth poll")
    add("--shape", default="plateau", choices=list(SHAPES), help="How many people there are, when")
    add("--kafka", default="", help="host:port to produce to; without it nobody is told anything")
    add(
        "--kafka-property",
        action="append",
        is_secret=True,
        help="name=value for librdkafka, such as security.protocol=SASL_SSL; again for more",
    )
    add("--topic-prefix", default="", help="What stands before the topics' names")
    add("--events-per-second", type=float, default=20.0, help="Of each worker")
    add("--settle-seconds", type=float, default=30.0, help="How long, when it is over, the last messages may take")
    add("--thresholds", default=str(THRESHOLDS), help="The file of what must be kept to")
    add("--timeline", default="", help="A file to write each second of the run to, for `make load-report`")


def _add(group: Any, flag: str, *, is_secret: bool = False, **how: Any) -> None:
    action = group.add_argument(flag, env_var=f"SWARM_{flag.removeprefix('--').replace('-', '_').upper()}", **how)
    # What Locust's own add_argument leaves behind for its web UI, which a group's knows nothing of.
    action.include_in_web_ui, action.is_secret = True, is_secret
    action.is_required = action.is_multiple = False
