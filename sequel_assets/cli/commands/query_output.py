"""The output of `sequel-assets query`: a table, CSV, JSON or Parquet, and warnings where numbers may still change.

The answer goes to standard output or a file, warnings go to standard error, so that a pipe receives the answer alone.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from sequel_assets.cli.support import tabular
from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.terminal import UsageError, console, errors, print_csv
from sequel_assets.insights.coverage import Coverage
from sequel_assets.insights.periods import Days
from sequel_assets.queries.arrow import schema_of
from sequel_assets.queries.range_answers import QueryAnswer
from sequel_assets.warehouse.tables.core import MINUTES

COUNTED_ONCE = "A minute that somebody watched both live and on demand counts once in engaged_minutes."


@dataclass(frozen=True)
class QueryOutput:
    """Where an answer goes, and in which format."""

    form: str
    out: str
    """A file; empty for the standard output."""
    has_mark: bool = False
    """Whether a CSV begins with a byte order mark."""

    def check(self) -> None:
        """Refuse options that do not go together."""
        if self.form == "table" and self.out:
            raise UsageError("--out goes with --format csv, json or parquet; a table is for the terminal")
        if self.form == "parquet" and not self.out and sys.stdout.isatty():
            raise UsageError("--format parquet is not for a terminal; give --out FILE")
        if self.has_mark and self.form != "csv":
            raise UsageError("--bom goes with --format csv")


def write_answer(output: QueryOutput, answer: QueryAnswer, *, is_tall: bool = False) -> None:
    """Print the warnings and write the answer; a tall table has a line per column, for many columns and few rows."""
    days = answer.scope.days
    earlier = [
        f"{its.first} to {its.last}: {line}"
        for its, of in answer.earlier.items()
        for line in coverage_warnings(of, its)
    ]
    for line in (*coverage_warnings(answer.coverage, days), *earlier):
        errors().print(line)
    if output.form == "table":
        title = f"{answer.title} of {answer.company.partition_key}, {days.first} to {days.last}"
        title += ", with all sub-companies" if answer.scope.includes_sub_companies else ""
        tabular.show(title, answer.columns, answer.rows, is_tall=is_tall)
        if has_minutes_of_both(answer.columns, answer.rows):
            console().print(COUNTED_ONCE)
    elif output.out:
        with replacing(Path(output.out)) as file:
            _write_to(file, output, answer)
        console().print(f"{len(answer.rows)} rows in {output.out}")
    elif output.form == "csv" and sys.stdout.isatty():
        buffer = BytesIO()  # a terminal would act on controls that a CSV keeps, such as those that reverse text
        _write_to(buffer, output, answer)
        print_csv(buffer.getvalue().decode())
    else:
        _write_to(sys.stdout.buffer, output, answer)
        sys.stdout.buffer.flush()


def _write_to(file: IO[bytes], output: QueryOutput, answer: QueryAnswer) -> None:
    if output.form == "json":
        file.write(_json(answer))
    else:
        tabular.write(file, output.form, answer.columns, answer.rows, output.has_mark)


def _json(answer: QueryAnswer) -> bytes:
    rows = tabular.as_json(schema_of(answer.columns), answer.rows)
    return (json.dumps(answer.about(), indent=2)[:-2] + f',\n  "rows": {rows}\n}}\n').encode()


def has_minutes_of_both(columns: Sequence[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> bool:
    """Say whether live and on-demand minutes of a row come to more than its engaged minutes."""
    names = [column.name for column in columns]
    if not {*MINUTES} <= {*names}:
        return False
    live, on_demand, engaged = (names.index(name) for name in MINUTES)
    return any((row[live] or 0) + (row[on_demand] or 0) > (row[engaged] or 0) for row in rows)


def coverage_warnings(coverage: Coverage, days: Days) -> list[str]:
    """Return a line for each reason why the numbers may still change."""
    lines = []
    if coverage.missing:
        lines.append(
            f"incomplete: {len(coverage.missing)} of {len(days)} days have no facts of every company "
            f"({coverage.missing[0]} first): never requested, failed, or forgotten by Sequel; what is known is "
            "counted; see sequel-assets status"
        )
    if coverage.not_closed:
        through = f"{coverage.data_through:%Y-%m-%d %H:%M} UTC" if coverage.data_through else "nothing"
        lines.append(
            f"provisional: {len(coverage.not_closed)} of {len(days)} days have not closed ({coverage.not_closed[0]} "
            f"first); everything is counted through {through}"
        )
    return lines
