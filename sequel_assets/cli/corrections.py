"""Declares `sequel-assets accept`, `exclude` and `changes`: what an owner decides about final days and events."""

from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.arguments import DryRun, FirstDay, LastDay, OneCompany
from sequel_assets.cli.support.machine_output import FormatOption, JsonOption, TableFormat, chosen_format


def accept(
    company: OneCompany,
    first: FirstDay,
    last: LastDay,
    dry_run: DryRun = False,
) -> None:
    """Let quarantined days through: final days of which Sequel now returns less than half; print what changed."""
    from sequel_assets.queries.scopes import check_range, parse_day

    settings, days = settings_module.load(), (parse_day(first, "--from"), parse_day(last, "--to"))
    check_range(settings, *days)
    from sequel_assets.cli.commands.accept import accept as run

    raise typer.Exit(run(settings, *days, company, is_dry=dry_run))


def exclude(
    company: OneCompany,
    event: Annotated[str, typer.Option(metavar="EVENT", help="the event's id, as in the table events")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="why; status shows it")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="include the event once more")] = False,
) -> None:
    """Exclude an event that will never answer: it is not requested any more, and its stored rows stay."""
    from sequel_assets.cli.commands import exclude as commands

    settings = settings_module.load()
    raise typer.Exit(
        commands.include(settings, company, event) if undo else commands.exclude(settings, company, event, reason)
    )


def changes(
    since: Annotated[
        str, typer.Option(metavar="DAY", help="day (UTC), such as 2026-11-01: changes seen on or after it")
    ],
    form: FormatOption = TableFormat.TABLE,
    json: JsonOption = False,
) -> None:
    """List the numbers of final days that changed later, newest change first."""
    from sequel_assets.cli.commands.changes import changes as run
    from sequel_assets.queries.scopes import parse_day

    raise typer.Exit(run(settings_module.load(), parse_day(since, "--since"), chosen_format(form, json=json)))
