"""The command line; thin."""

import sys
from pathlib import Path
from typing import NoReturn

import typer
import uvloop

from realtime.errors import ConfigurationError

cli = typer.Typer(
    help="Facts from Kafka topics to exactly the browsers that may see them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.command()
def serve() -> None:
    """Run one pod; settings come from REALTIME_* environment variables."""
    from realtime.app import Pod
    from realtime.settings import load_settings
    from realtime.telemetry.logging import configure_logging

    try:
        settings = load_settings()
        configure_logging(settings.log, settings.pod.name)
        pod = Pod(settings)
    except ConfigurationError as error:
        _refuse_to_start(error)
    uvloop.run(pod.run())


@cli.command()
def token(user_id: str, roles: str = "", expires_in_seconds: int = 3_600) -> None:
    """Print a token for trying things out; needs REALTIME_AUTH__SECRET. ROLES are separated by commas."""


@cli.command()
def docs(folder: Path = Path("docs")) -> None:
    """Generate the reference pages of settings and metrics from the code."""
    from realtime.reference import write_pages

    write_pages(folder)


def _refuse_to_start(error: ConfigurationError) -> NoReturn:
    print(f"realtime cannot start; mend these settings:\n{error}", file=sys.stderr)
    raise SystemExit(2)


def main() -> None:
    """Entry point."""
    cli()


if __name__ == "__main__":
    main()
