"""Declares what other programs read: `sequel-assets metrics` for Prometheus, `sequel-assets dbt-sources` for dbt."""

from pathlib import Path
from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.arguments import Companies

Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="the file to write; an existing file is replaced once the new one is complete"
    ),
]


def metrics(company: Companies = None, out: Out = None) -> None:
    """Print how far each company's numbers go and what is wrong, as Prometheus reads it (node exporter's textfile)."""
    from sequel_assets.cli.commands.metrics import metrics as run

    raise typer.Exit(run(settings_module.load(), company or [], out))


def dbt_sources(
    schema: Annotated[str, typer.Option(metavar="NAME", help="the schema that holds the tables")] = "public",
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help="the database, where dbt is connected to another one")
    ] = None,
    out: Out = None,
) -> None:
    """Print sources.yml for dbt: every table and column described, with tests and freshness; reads no warehouse."""
    from sequel_assets.cli.commands.dbt_sources import dbt_sources as run

    raise typer.Exit(run(schema, database, out))
