"""Declares `sequel-assets export` and `sequel-assets people link` (docs/your-own-users.md)."""

from pathlib import Path
from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.arguments import Companies, DryRun, FirstDay, LastDay
from sequel_assets.cli.support.commands import Commands
from sequel_assets.cli.support.terminal import UsageError

people = Commands(help="Link the people in the numbers to your own users.", no_args_is_help=True)


def export(
    first: FirstDay,
    last: LastDay,
    folder: Annotated[
        Path,
        typer.Option(
            "--out", "--to-folder", metavar="FOLDER", help="where the files go; it is created if it does not exist"
        ),
    ],
    form: Annotated[str, typer.Option("--format", metavar="csv|parquet", help="of the files")],
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="a name of docs/datasets.md; may be repeated")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every dataset")] = False,
    company: Companies = None,
    with_people: Annotated[
        bool, typer.Option("--with-people", help="personal data too: names, e-mails, your ids, what people wrote")
    ] = False,
    bom: Annotated[
        bool, typer.Option("--bom", help="begin each CSV with a byte order mark, which Excel needs")
    ] = False,
) -> None:
    """Write datasets as files, a folder per company and day; exit 1 when something requested is missing."""
    from sequel_assets.cli.commands.export import export as run
    from sequel_assets.cli.commands.export_options import FORMATS, ExportOptions
    from sequel_assets.queries.scopes import check_range, parse_day

    if every == bool(dataset):
        raise UsageError("choose datasets: --dataset NAME (it may be repeated), or --all")
    if form not in FORMATS:
        raise UsageError(f"--format {' '.join(form.split())}: it must be one of {', '.join(FORMATS)}")
    if bom and form != "csv":
        raise UsageError("--bom goes with --format csv")
    settings, days = settings_module.load(), (parse_day(first, "--from"), parse_day(last, "--to"))
    check_range(settings, *days)
    raise typer.Exit(run(settings, ExportOptions(dataset or [], *days, form, folder, with_people, bom), company or []))


@people.declare("sequel-assets people link users.csv --dry-run")
def link(
    file: Annotated[
        Path | None, typer.Argument(help="a CSV with the columns email or person_id, and external_id")
    ] = None,
    view: Annotated[bool, typer.Option("--view", help="read SEQUEL_PEOPLE_VIEW in the warehouse instead")] = False,
    company: Companies = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="leave out wrong lines, and list them")] = False,
    dry_run: DryRun = False,
) -> None:
    """Store your own ids of people in people.external_id, at every company that has them."""
    from sequel_assets.cli.commands.people import link as run

    if view == (file is not None):
        raise UsageError("choose a source: FILE.csv, or --view")
    raise typer.Exit(run(settings_module.load(), file, company or [], skips_bad=skip_bad, is_dry=dry_run))


@people.callback()
def _group() -> None:
    """Keep `link` a command of a group: Typer would make a single command the group itself."""
