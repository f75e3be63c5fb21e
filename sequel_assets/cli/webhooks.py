"""Declares `sequel-assets webhooks ...`: the commands for the subscriptions at Sequel (docs/webhooks.md)."""

from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.arguments import Companies, DryRun
from sequel_assets.cli.support.commands import Commands
from sequel_assets.cli.support.machine_output import FormatOption, JsonOption, TableFormat, chosen_format
from sequel_assets.cli.support.terminal import UsageError

app = Commands(help="The subscriptions to Sequel's webhooks.", no_args_is_help=True)


@app.declare("sequel-assets webhooks status")
def status(form: FormatOption = TableFormat.TABLE, json: JsonOption = False) -> None:
    """Show every subscription, its last delivery, and what is wrong; exit 1 when anything is. Sequel is not called."""
    from sequel_assets.cli.commands.webhooks import status as run

    raise typer.Exit(run(settings_module.load(), chosen_format(form, json=json)))


@app.declare("sequel-assets webhooks ensure --dry-run")
def ensure(dry_run: DryRun = False) -> None:
    """Create missing subscriptions, extend expiring ones, replace lost ones, as the schedule does every four hours."""
    from sequel_assets.cli.commands.webhooks import ensure as run

    raise typer.Exit(run(settings_module.load(), is_dry=dry_run))


@app.declare("sequel-assets webhooks rotate --company acme")
def rotate(
    company: Companies = None,
    key: Annotated[
        bool,
        typer.Option(
            "--key", help="instead encrypt the stored secrets with the first key of the setting; no request to Sequel"
        ),
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Have Sequel give every subscription a new key; the previous one is accepted for one more day."""
    from sequel_assets.cli.commands import webhooks

    if key and (company or dry_run):
        raise UsageError("--key goes with no other option: it encrypts all stored secrets")
    settings = settings_module.load()
    raise typer.Exit(webhooks.reseal(settings) if key else webhooks.rotate(settings, company or [], is_dry=dry_run))


@app.declare("sequel-assets webhooks delete --dry-run")
def delete(company: Companies = None, dry_run: DryRun = False) -> None:
    """Delete the subscriptions at Sequel and here."""
    from sequel_assets.cli.commands.webhooks import delete as run

    raise typer.Exit(run(settings_module.load(), company or [], is_dry=dry_run))
