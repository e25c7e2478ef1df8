"""`realtime dead-letters`: the command line, thin."""

from typing import Annotated

import typer

cli = typer.Typer(help="Look at what could not become events, and replay it.", no_args_is_help=True)

Topic = Annotated[str | None, typer.Option(help="Only of records from this topic.")]
Code = Annotated[str | None, typer.Option(help="Only with this code, such as invalid_event.")]
Since = Annotated[str | None, typer.Option(help="Only written since: an age such as 2h (s, m, h, d), or ISO 8601.")]
Until = Annotated[str | None, typer.Option(help="Only written before: an age or a time.")]
Key = Annotated[str | None, typer.Option(help="Only of records with this key.")]
Contains = Annotated[str | None, typer.Option(help="Only of records whose value contains this text.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: a line of JSON for each letter.")]


@cli.command("list")
def list_letters(
    topic: Topic = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    contains: Contains = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List letters, oldest first, and where they were replayed to."""
    from realtime.dead_letters import commands

    filters = {"topic": topic, "code": code, "since": since, "until": until, "key": key, "contains": contains}
    raise SystemExit(commands.list_letters(filters, limit, as_json=as_json))


@cli.command()
def show(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `list` tells it.")],
    as_json: AsJson = False,
) -> None:
    """Show all of one letter."""
    from realtime.dead_letters import commands

    raise SystemExit(commands.show_letter(place, as_json=as_json))


@cli.command()
def replay(
    topic: Topic = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    contains: Contains = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, oldest records first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
) -> None:
    """Write records to their topics again, each once however often this is run; their events keep their ids."""
    from realtime.dead_letters import commands

    filters = {"topic": topic, "code": code, "since": since, "until": until, "key": key, "contains": contains}
    raise SystemExit(commands.replay_letters(filters, limit, dry_run=dry_run))
