"""SQL expressions that every engine computes alike: integer division, rounding, percentages, days, minutes, small lists.

For the SELECTs of the insights. A plain `/` of integers must not be used there: engines disagree about it. A day goes by its
number, the days since 1970, so that days are added and compared the same on every engine.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import case, cast, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_EPOCH = date(1970, 1, 1)
PERCENT = "percent, 0 to 100 with two decimals, halves up"


def quotient(number: Any, divisor: Any) -> Any:
    """Return number / divisor as an integer, rounded to zero; it divides evenly and so is exact on every engine."""
    return (number - number % divisor) // divisor


def average(minutes: Any, users: Any) -> Any:
    """Return minutes / users as SQL with two decimals, halves up, exactly: integers alone decide the digits."""
    hundredths = quotient(minutes * 200 + users, users * 2)
    return cast(
        case((users > 0, hundredths / sa.literal_column("100.0")), else_=None), sa.Numeric(14, 2, asdecimal=False)
    )


def as_integer(expression: Any) -> Any:
    """Return a sum as an integer: PostgreSQL would make it numeric, and an empty one null."""
    return cast(func.coalesce(expression, 0), sa.BigInteger)


def percent(part: Any, total: Any) -> Any:
    """Return part / total in percent with two decimals; null where the total is 0."""
    return cast(average(part * 100, total), sa.Numeric(5, 2, asdecimal=False))


def percent_column(name: str, comment: str) -> "sa.Column[float]":
    """Return a column of a share, which is null where its denominator is zero or unknown."""
    return sa.Column(name, sa.Numeric(5, 2, asdecimal=False), comment=f"{comment}; {PERCENT}")


def seconds(column: Any) -> Any:
    """Return the seconds since 1970 of a day or a time in UTC, rounded down."""
    exactly = sa.extract("epoch", column)
    rounded = cast(exactly, sa.BigInteger)  # PostgreSQL rounds up from .5
    return rounded - case((rounded > exactly, 1), else_=0)


def minute_number(column: Any) -> Any:
    """Return the full minutes since 1970 of a time."""
    return quotient(seconds(column), 60)


def day_number(column: Any) -> Any:
    """Return the UTC days since 1970 of a day or a time: days are compared and subtracted as such numbers."""
    return quotient(seconds(column), 86400)


def number_of(day: date) -> int:
    """Return the days since 1970."""
    return (day - _EPOCH).days


class _DayOfNumber(FunctionElement[date]):
    """The day of a number of days since 1970, as a date: there is no SQL for it that every engine understands."""

    name = "day_of_number"
    type = sa.Date()
    inherit_cache = True


@compiles(_DayOfNumber, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    return f"date({compiler.process(element.clauses, **more)} * 86400, 'unixepoch')"


@compiles(_DayOfNumber)
def _elsewhere(element: Any, compiler: Any, **more: Any) -> str:
    return f"(DATE '{_EPOCH}' + {compiler.process(element.clauses, **more)})"


def day_of(number: Any) -> "sa.ColumnElement[date]":
    """Return the day with a number, which is a column or a constant of type integer."""
    return _DayOfNumber(number)


def company_label(company_id: Any) -> "sa.Label[str]":
    """Return a company's id, a text or a parameter, as the column `company_id` of a SELECT."""
    return sa.type_coerce(company_id, sa.Text).label("company_id")


def is_long(first: date, last: date, start: date) -> bool:
    """Say whether a range is more than a fourth of the history up to its end: then one pass over all facts is faster.

    A short one is found by an index, event by event or person by person.
    """
    return 4 * (last - first) >= last - start


def within(column: Any, those: Any, *, is_all: bool) -> list[Any]:
    """Return the condition that a column is one of `those`, a SELECT of one column; none where they are all that there are.

    A short range reads the facts of its events or people by an index, a long one (`is_long`) reads all facts in their order.
    """
    return [] if is_all else [column.in_(those)]


class _Rows(sa.TextualSelect):
    """VALUES as text. SQLAlchemy's own would render each value by itself, at each execution."""

    inherit_cache = True
    name_cte_columns = True


def rows_of(name: str | None, columns: Mapping[str, Any], rows: Sequence[tuple[int | str, ...]]) -> sa.CTE:
    """Return rows of numbers and plain words as a table of a SELECT; they are written into it, not bound. Without a name it gets one."""
    listed = ", ".join(f"({', '.join(map(repr, row))})" for row in rows)
    return _Rows(sa.text(f"VALUES {listed}"), [sa.column(column, kind) for column, kind in columns.items()]).cte(name)


def once(query: "sa.SelectBase", name: str) -> sa.CTE:
    """Return a SELECT, aggregated and to be joined, as a table that is computed once.

    A PostgreSQL without statistics, just filled or restored, takes the facts for a few rows and would compute the SELECT again
    for each row that it is joined to: 140 s for a year of 400,000 facts.
    """
    return query.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")
