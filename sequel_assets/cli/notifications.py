"""Declares `sequel-assets inbox` and `sequel-assets replay` (docs/webhooks.md)."""

from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.machine_output import FormatOption, JsonOption, TableFormat, chosen_format


def inbox(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="day or time (UTC), such as 2026-11-23T14:20Z; default: all")
    ] = "",
    waiting: Annotated[bool, typer.Option("--waiting", help="only those that are not handled yet")] = False,
    form: FormatOption = TableFormat.TABLE,
    json: JsonOption = False,
) -> None:
    """List the notifications of webhooks, newest first: verdict, state and run of each."""
    from sequel_assets.cli.commands import inbox as commands

    received_since = commands.parse_time(since, "--since") if since else None
    chosen = chosen_format(form, json=json)
    raise typer.Exit(commands.inbox(settings_module.load(), received_since, waits_only=waiting, form=chosen))


def replay(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="day or time (UTC) of the first delivery, such as 2026-11-23T14:20Z")
    ],
    event: Annotated[str | None, typer.Option(metavar="EVENT", help="only those that name this event")] = None,
) -> None:
    """Put handled or failed notifications back into the inbox; their events are refreshed once more."""
    from sequel_assets.cli.commands import inbox as commands

    raise typer.Exit(commands.replay(settings_module.load(), commands.parse_time(since, "--since"), event))
