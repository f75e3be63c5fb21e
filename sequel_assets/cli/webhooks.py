"""`sequel-assets webhooks ...`: the commands about the subscriptions at Sequel (docs/webhooks.md)."""

from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.terminal import UsageError

app = typer.Typer(help="The subscriptions to Sequel's webhooks.", no_args_is_help=True)
Companies = Annotated[
    list[str] | None,
    typer.Option("--company", help="an id, a partition key or a unique name; may be repeated; default: all"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="tell what would be done and change nothing")]


@app.command()
def status(json: Annotated[bool, typer.Option("--json", help="for machines")] = False) -> None:
    """Show every subscription, its last delivery, and what is wrong; exit 1 when anything is. Asks Sequel nothing."""
    from sequel_assets.cli.commands.webhooks import status as run

    raise typer.Exit(run(settings_module.load(), as_json=json))


@app.command()
def ensure(dry_run: DryRun = False) -> None:
    """Make what is missing, extend what is about to lapse, replace what is gone: what the guardian does every four hours."""
    from sequel_assets.cli.commands.webhooks import ensure as run

    raise typer.Exit(run(settings_module.load(), is_dry=dry_run))


@app.command()
def rotate(
    company: Companies = None,
    key: Annotated[
        bool,
        typer.Option(
            "--key", help="seal what is stored with the first key of the setting instead; asks Sequel nothing"
        ),
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Have Sequel give every subscription a new key; the one before is accepted for a day more."""
    from sequel_assets.cli.commands import webhooks

    if key and (company or dry_run):
        raise UsageError("--key goes with no other option: it seals all that is stored")
    settings = settings_module.load()
    raise typer.Exit(webhooks.reseal(settings) if key else webhooks.rotate(settings, company or [], is_dry=dry_run))


@app.command()
def delete(company: Companies = None, dry_run: DryRun = False) -> None:
    """Delete the subscriptions at Sequel and here."""
    from sequel_assets.cli.commands.webhooks import delete as run

    raise typer.Exit(run(settings_module.load(), company or [], is_dry=dry_run))
