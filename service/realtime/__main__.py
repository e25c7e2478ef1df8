"""The command line; thin."""

import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import structlog
import typer
import uvloop

from realtime import __version__
from realtime.dead_letters.cli import cli as dead_letters
from realtime.errors import ConfigurationError, RealtimeError

# The demo's page and proxy.
DEMO_PORT: Final = 3_000

log = structlog.get_logger(__name__)

cli = typer.Typer(
    help="Facts from Kafka topics to exactly the browsers that may see them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(dead_letters, name="dead-letters")


@cli.command()
def serve() -> None:
    """Run one pod; settings come from REALTIME_* environment variables."""
    from realtime.transports.socketio.no_clients import load_without_clients

    load_without_clients()

    from realtime.app import Pod
    from realtime.server import raise_descriptor_limit
    from realtime.settings import load_settings, secrets_of
    from realtime.telemetry.logging import configure_logging
    from realtime.telemetry.start_reports import start_reports

    try:
        settings = load_settings()
        secrets = list(secrets_of(settings))
        reports = start_reports(settings.sentry, settings.pod.name, __version__, secrets)
        configure_logging(settings.log, settings.pod.name, secrets, reports.take)
        pod = Pod(settings)
    except ConfigurationError as error:
        _refuse_to_start(error)
    raise_descriptor_limit()
    try:
        uvloop.run(pod.run())
    except Exception:
        # Not left to Python, which would tell all of it, and to nobody who looks for it.
        log.critical("pod_failed", exc_info=True)
        raise SystemExit(1) from None
    finally:
        reports.close()


@cli.command()
def demo(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Public port; 3000, or any that is free with --headless.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a browser: place orders, check what arrives, exit 0 or 1.")
    ] = False,
) -> None:
    """Run a cluster on this machine (Kafka, Redis, two pods, a sticky proxy) and a page to watch it."""
    try:
        from realtime.demo.run import run_demo
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("realtime"):
            raise
        print(
            f"{error.name} is not installed. Install what the demo needs with\n"
            "    make setup    (in a checkout)    or    pip install 'realtime[demo]'",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    if port is None:
        port = 0 if headless else DEMO_PORT
    try:
        code = uvloop.run(run_demo(port, headless=headless))
    except ConfigurationError as error:
        _refuse_to_start(error)
    raise SystemExit(code)


@cli.command()
def token(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="Whom the token is for: its `sub`.")],
    roles: Annotated[str, typer.Option(help="Separated by commas, for example `admin`.")] = "",
    expires_in_seconds: Annotated[int, typer.Option(min=1, help="How long it is good for.")] = 3_600,
) -> None:
    """Print a token for trying things out, signed with REALTIME_AUTH__SECRET."""
    from realtime.demo.tokens import sign_token
    from realtime.settings import load_settings

    try:
        named = [role.strip() for role in roles.split(",") if role.strip()]
        signed = sign_token(load_settings().auth, user_id, named, expires_in_seconds)
    except RealtimeError as error:
        print(f"realtime cannot sign a token:\n{error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(signed)


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one document.")] = False,
) -> None:
    """Look at settings, Kafka, Redis, tokens, clocks and this machine; say what to mend, and exit 1 if it must be."""
    from realtime.doctor.commands import run_doctor
    from realtime.server import raise_descriptor_limit

    raise_descriptor_limit()  # as a pod does
    raise SystemExit(run_doctor(as_document=as_json))


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
