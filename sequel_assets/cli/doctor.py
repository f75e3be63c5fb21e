"""Declares `sequel-assets doctor` (docs/doctor.md)."""

from pathlib import Path
from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.machine_output import FormatOption, JsonOption, TableFormat, chosen_format


def doctor(
    event: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT", help="an event's id, looked at first, such as your largest; repeatable"),
    ] = None,
    load: Annotated[bool, typer.Option("--load", help="also find the request rate that Sequel takes")] = False,
    webhooks: Annotated[bool, typer.Option("--webhooks", help="also create and delete a subscription")] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="also write a report to a file: without names, e-mails and secrets"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="keep nothing of what is learned")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="ask nothing, and drop what was learned before")] = False,
    form: FormatOption = TableFormat.TABLE,
    json: JsonOption = False,
) -> None:
    """Find out how Sequel answers your account: some 60 requests, read-only; exit 1 where numbers cannot be had."""
    from sequel_assets.cli.commands import doctor as commands

    settings = settings_module.load()
    if forget:
        raise typer.Exit(commands.forget(settings))
    view = commands.DoctorView(tuple(event or ()), load, webhooks, report, dry_run, chosen_format(form, json=json))
    raise typer.Exit(commands.doctor(settings, view))
