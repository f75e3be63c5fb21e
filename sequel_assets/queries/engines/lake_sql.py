"""A SELECT of the insights in the SQL of an engine: SQLAlchemy writes it as PostgreSQL reads it, sqlglot turns that.

There is no second text of any question. Values are bound and never part of the text, so each question is turned once.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlalchemy.dialects.postgresql import psycopg
from sqlglot import exp

_READ_BY = psycopg.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class LakeSql:
    """A SELECT in an engine's SQL, the values of its parameters, and the names of the tables that it may read."""

    text: str
    values: Mapping[str, Any]
    tables: frozenset[str]


def as_sql(select: Any, dialect: str) -> LakeSql:
    """Return a SELECT in the SQL of an engine, by sqlglot's name of its dialect."""
    made = select.compile(dialect=_READ_BY, compile_kwargs={"render_postcompile": True})
    text, tables = _transpiled(str(made), dialect)
    return LakeSql(text, made.params, tables)


@functools.lru_cache(maxsize=256)
def _transpiled(text: str, dialect: str) -> tuple[str, frozenset[str]]:
    parsed = sqlglot.parse_one(text, read="postgres")
    tables = frozenset(table.name for table in parsed.find_all(exp.Table))
    for adapt in ADAPTATIONS.get(dialect, ()):
        adapt(parsed)
    return parsed.sql(dialect), tables


def _without_collations(sql: Any) -> None:
    """Spark compares texts by their bytes, as the collation C does, and has no such name."""
    for collate in list(sql.find_all(exp.Collate)):
        collate.replace(collate.this)


def _epoch_by_microseconds(sql: Any) -> None:
    """Spark extracts no EPOCH."""
    for extract in list(sql.find_all(exp.Extract)):
        if extract.name.upper() == "EPOCH":
            micros = exp.func("UNIX_MICROS", exp.cast(extract.expression.copy(), "timestamp"))
            extract.replace(exp.paren(exp.Div(this=micros, expression=exp.Literal.number(1_000_000))))


def _recursion_by_union_all(sql: Any) -> None:
    """Spark's recursion knows no UNION: what repeats is taken out where the result is read."""
    for cte in list(sql.find_all(exp.CTE)):
        union, name = cte.this, cte.alias
        if not (isinstance(union, exp.Union) and union.args.get("distinct")):
            continue
        if not any(table.name == name for table in union.find_all(exp.Table)):
            continue
        union.set("distinct", False)
        for table in list(sql.find_all(exp.Table)):
            if table.name == name and table.find_ancestor(exp.CTE) is not cte:
                once = exp.select("*").distinct().from_(exp.to_table(name)).subquery(table.alias_or_name)
                table.replace(once)


def _without_materialized(sql: Any) -> None:
    """Spark decides by itself what it computes once."""
    for cte in sql.find_all(exp.CTE):
        cte.set("materialized", None)


ADAPTATIONS: dict[str, tuple[Callable[[Any], None], ...]] = {
    "spark": (_without_collations, _epoch_by_microseconds, _recursion_by_union_all, _without_materialized)
}
"""What an engine needs beyond sqlglot's translation."""
