"""Rows of SQL as Arrow: what type each column has, wherever its rows leave the warehouse.

Types are exact: days are dates, times are UTC timestamps, counts are int64, decimals keep their digits.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sequel_assets.warehouse.tables.types import UtcDateTime

BATCH_ROWS = 5_000
"""Rows in memory at once; text columns may be long."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def schema_of(columns: Iterable[sa.ColumnElement[Any]]) -> pa.Schema:
    """Return the Arrow schema of SQL columns."""
    return pa.schema([pa.field(column.name, _kind(column)) for column in columns])


def _kind(column: sa.ColumnElement[Any]) -> pa.DataType:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return pa.timestamp("us", tz="UTC")
    if isinstance(kind, sa.Float):  # before Numeric, of which Float and Double are subclasses
        return pa.float64()
    if isinstance(kind, sa.Numeric):
        return pa.decimal128(kind.precision or 38, kind.scale or 0)
    plain = {sa.Boolean: pa.bool_, sa.Integer: pa.int64, sa.Date: pa.date32, sa.String: pa.string}
    for sql, arrow in plain.items():
        if isinstance(kind, sql):
            return arrow()
    raise TypeError(f"{column}: there is no Arrow type for {kind}")


def batches(
    schema: pa.Schema, rows: Iterable[Sequence[Any]], *, written: Callable[[str], str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield rows as Arrow batches of at most `BATCH_ROWS`; `written` is applied to each text."""
    rows = iter(rows)
    while some := list(islice(rows, BATCH_ROWS)):
        columns = zip(*some, strict=True)
        arrays = [_array(field.type, values, written) for field, values in zip(schema, columns, strict=True)]
        yield pa.record_batch(arrays, schema=schema)


def _array(kind: pa.DataType, values: Sequence[Any], written: Callable[[str], str] | None) -> pa.Array:
    if pa.types.is_string(kind):
        clean = [None if v is None else _SURROGATE.sub("\ufffd", v) for v in values]
        return pa.array([None if v is None else written(v) for v in clean] if written else clean, kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if v is None else _decimal(v, kind.scale) for v in values], kind)
    return pa.array(values, kind)


def _decimal(value: Any, scale: int) -> Decimal:
    """Return a number with exactly this many digits; SQLite returns a float where a decimal was stored."""
    return Decimal(f"{value:.{scale}f}")
