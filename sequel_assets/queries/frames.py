"""Rows of the warehouse as pandas frames with the type of each column; what is unknown is NA, never zero.

No column is of type object: counts are Int64, numbers Float64, texts string or category, times datetime64 in UTC, days
datetime64 at midnight without a zone, so that they sort, plot and resample.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from sequel_assets.insights.periods import COMPARED_WITH, PERIODS
from sequel_assets.queries.arrow import batches, schema_of
from sequel_assets.warehouse.tables.core import ALL, HUB, STAGE

KINDS_OF_WORDS: dict[str, tuple[str, ...]] = {
    "event_type": (ALL, STAGE, HUB),
    "period": PERIODS,
    "compared_with": COMPARED_WITH,
}
"""Columns that hold one of a few known words, in the order in which they sort."""
REPEATED = frozenset({"company", "company_id", "event_id", "dataset"})
"""Columns whose values repeat from row to row: categories by what is there."""
NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(),
}


def as_frame(
    columns: Iterable[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]], attrs: Mapping[str, Any]
) -> pd.DataFrame:
    """Return rows as a frame whose `attrs` are these."""
    schema = schema_of(columns)
    exact = pa.Table.from_batches(batches(schema, rows), schema)
    fields = [pa.field(one.name, pa.float64() if pa.types.is_decimal(one.type) else one.type) for one in schema]
    frame: pd.DataFrame = exact.cast(pa.schema(fields)).to_pandas(types_mapper=NULLABLE.get, date_as_object=False)
    for name in frame.columns:
        if name in KINDS_OF_WORDS:
            frame[name] = frame[name].astype(_kinds(name, frame[name]))
        elif name in REPEATED:
            frame[name] = frame[name].astype("category")
    frame.attrs.update(attrs)
    return frame


def _kinds(name: str, values: "pd.Series[Any]") -> pd.CategoricalDtype:
    """Return the categories of a column: the known words, then any that Sequel came to use since."""
    known = KINDS_OF_WORDS[name]
    others = sorted(set(values.dropna()) - set(known))
    return pd.CategoricalDtype([*known, *others])
