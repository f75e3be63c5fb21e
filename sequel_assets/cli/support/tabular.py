"""Write rows as CSV, JSON or Parquet with the types of their columns, or show them as a table in a terminal.

The types are those of `queries/arrow.py`. In CSV a null is empty and text is quoted. Text must never become a formula in a spreadsheet: an apostrophe is inserted wherever part
of it could be read as one, at its beginning and, because a reader may use another separator, after each comma,
semicolon, tab, bar and line end. Controls are written as escapes (see `visible`). `undo` returns the original text.
"""

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import csv, parquet

from sequel_assets.cli.support import terminal
from sequel_assets.queries.arrow import batches, schema_of
from sequel_assets.safety.visible import controls_as_escapes, read_back

_SIGN = "=+\\-@\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63\ufe66\ufe6b"
_BETWEEN = "['\"\u2018\u2019\u201c\u201d \u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff]*"
"""Quotes and blanks that a spreadsheet may skip before a formula."""
_PARTS = ",;\t|\r\n\uff0c\uff1b\uff5c\u2028\u2029"
"""Characters that a reader of the file may take for the end of a cell or line."""
_BEGINS = rf"(?:{_BETWEEN}[{_SIGN}]|(?:(?<![\s\S])'*[\t\r\n]))"
_FORMULA = re.compile(rf"(?:(?<![\s\S])|(?<=[{_PARTS}]))(?={_BEGINS})")
_DEFUSED = re.compile(rf"(?:(?<![\s\S])|(?<=[{_PARTS}]))'(?={_BETWEEN}[{_SIGN}])|(?<![\s\S])'(?='*[\t\r\n])")


def defuse(text: str) -> str:
    """Return text so that no spreadsheet reads a part of it as a formula, and no terminal acts on it."""
    return _FORMULA.sub("'", controls_as_escapes(text))


def undo(text: str) -> str:
    """Return the text that `defuse` was given."""
    return read_back(_DEFUSED.sub("", text))


def writer(file: Any, form: str, schema: pa.Schema) -> Any:
    """Return a context that writes batches to a file or a stream of bytes, as `csv` or `parquet`, header included."""
    if form == "csv":
        return csv.CSVWriter(file, schema)
    return parquet.ParquetWriter(file, schema, compression="zstd")


def write(
    file: IO[bytes],
    form: str,
    columns: Sequence[sa.ColumnElement[Any]],
    rows: Iterable[Sequence[Any]],
    has_mark: bool = False,
) -> int:
    """Write rows to a stream as `csv`, `json` (an array of objects) or `parquet`; return their number.

    `has_mark`: a CSV begins with a byte order mark, from which Excel recognizes UTF-8.
    """
    schema = schema_of(columns)
    if form == "json":
        rows = list(rows)
        file.write((as_json(schema, rows) + "\n").encode())
        return len(rows)
    if has_mark:
        file.write(codecs.BOM_UTF8)
    count = 0
    with writer(file, form, schema) as into:
        for batch in batches(schema, rows, written=defuse if form == "csv" else None):
            into.write_batch(batch)
            count += batch.num_rows
    return count


def as_json(schema: pa.Schema, rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as a JSON array of objects: days and times as ISO 8601, decimals as numbers."""
    objects = (record for batch in batches(schema, rows) for record in batch.to_pylist())
    lines = [json.dumps(record, default=_plain) for record in objects]
    return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def show(
    title: str, columns: Sequence[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]], *, is_tall: bool = False
) -> None:
    """Print rows as a table for people; a tall one has a line for each column."""
    names = [field.name for field in schema_of(columns)]
    cells = [[_short(cell) for cell in row] for row in rows]
    if is_tall:
        terminal.table(title, [""] * (len(cells) + 1), list(zip(names, *cells, strict=True)))
    else:
        terminal.table(title, names, cells)


def _short(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return float(cell) if isinstance(cell, Decimal) else cell
