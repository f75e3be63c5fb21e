"""What the commands that list something print for machines: JSON of everything, or CSV with a row per record.

The same two options in every such command: `--format table|json|csv`, and `--json` as a short form of `--format json`.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from io import BytesIO
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from sequel_assets.cli.support.terminal import console, print_csv


class TableFormat(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[TableFormat, typer.Option("--format", help="json and csv are for machines, and complete")]
JsonOption = Annotated[bool, typer.Option("--json", help="the same as --format json")]


def chosen_format(form: TableFormat, *, json: bool) -> TableFormat:
    """Return the format that the two options ask for."""
    return TableFormat.JSON if json else form


def print_for_machines(
    form: TableFormat, everything: Mapping[str, Any], headings: Sequence[str], records: Sequence[Mapping[str, Any]]
) -> None:
    """Print everything as JSON, or the records as CSV with these columns."""
    if form is TableFormat.JSON:
        console().out(json.dumps(everything, indent=2), highlight=False)
        return
    from sequel_assets.cli.support import tabular  # Arrow takes a moment to import

    columns: list[sa.ColumnElement[Any]] = [sa.column(name, _type_of(records, name)) for name in headings]
    buffer = BytesIO()
    tabular.write(buffer, "csv", columns, [[_plain(record[name]) for name in headings] for record in records])
    print_csv(buffer.getvalue().decode())


def _type_of(records: Sequence[Mapping[str, Any]], name: str) -> type[sa.types.TypeEngine[Any]]:
    """Return the type that all values of a column have."""
    kinds = {type(record[name]) for record in records if record[name] is not None}
    if kinds and kinds <= {int, bool}:
        return sa.BigInteger
    return sa.Double if kinds and kinds <= {int, float} else sa.Text


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
