"""Declares `sequel-assets export` and `sequel-assets people link` (docs/your-own-users.md)."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.arguments import Companies, DryRun, one_line
from sequel_assets.cli.support.commands import Commands
from sequel_assets.cli.support.terminal import UsageError

people = Commands(help="Link the people in the numbers to your own users.", no_args_is_help=True)


class Layout(StrEnum):
    """How the files are laid out."""

    DAY = "day"
    LAKE = "lake"


def export(
    folder: Annotated[
        str,
        typer.Option(
            "--out",
            "--to-folder",
            metavar="FOLDER",
            help="where the files go; it is created if it does not exist; of a lake also s3://BUCKET/PREFIX",
        ),
    ],
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="first day (UTC), such as 2026-11-01")] = "",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="last day (UTC), included")] = "",
    form: Annotated[str, typer.Option("--format", metavar="csv|parquet", help="of the files; a lake is Parquet")] = "",
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
    layout: Annotated[
        Layout,
        typer.Option(help="a folder per company and day, or a lake: the whole history, renewed where it changed"),
    ] = Layout.DAY,
) -> None:
    """Write datasets as files, a folder per company and day, or a lake; exit 1 when something requested is missing."""
    if every == bool(dataset):
        raise UsageError("choose datasets: --dataset NAME (it may be repeated), or --all")
    if layout is Layout.LAKE:
        _refuse_with_lake({"--from": first, "--to": last, "--company": company, "--bom": bom})
        if form not in {"", "parquet"}:
            raise UsageError(f"--format {one_line(form)}: a lake is of Parquet; leave it out, or write parquet")
        from sequel_assets.cli.lake.export import LakeOptions, export_lake

        raise typer.Exit(export_lake(settings_module.load(), LakeOptions(folder, dataset or [], with_people)))
    from sequel_assets.cli.commands.export import export as run
    from sequel_assets.cli.commands.export_options import FORMATS, ExportOptions
    from sequel_assets.queries.scopes import check_range, parse_day

    for option, value in (("--from", first), ("--to", last), ("--format", form)):
        if not value:
            raise UsageError(
                f"{option} is missing; only --layout lake goes without it; see sequel-assets export --help"
            )
    if form not in FORMATS:
        raise UsageError(f"--format {' '.join(form.split())}: it must be one of {', '.join(FORMATS)}")
    if bom and form != "csv":
        raise UsageError("--bom goes with --format csv")
    if "://" in folder:
        raise UsageError("--out: files by day go to a folder; an address such as s3://... goes with --layout lake")
    settings, days = settings_module.load(), (parse_day(first, "--from"), parse_day(last, "--to"))
    check_range(settings, *days)
    options = ExportOptions(dataset or [], *days, form, Path(folder), with_people, bom)
    raise typer.Exit(run(settings, options, company or []))


def _refuse_with_lake(options: Mapping[str, object]) -> None:
    """Refuse what a lake does not take: with a part of the companies or days, sums over it would be wrong."""
    given = [name for name, value in options.items() if value]
    if given:
        raise UsageError(
            f"{', '.join(given)}: a lake has every company and the whole history, so that sums over it are right; leave it out"
        )


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
