"""A SELECT of the insights in DuckDB's SQL: SQLAlchemy writes it as PostgreSQL reads it, sqlglot turns that.

There is no second text of any question. Values are bound and never part of the text, so each question is turned once.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlalchemy.dialects.postgresql import psycopg
from sqlglot import exp

_READ_BY = psycopg.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class DuckdbSql:
    """A SELECT in DuckDB's SQL, the values of its parameters, and the names of the tables that it may read."""

    text: str
    values: Mapping[str, Any]
    tables: frozenset[str]


def as_duckdb(select: Any) -> DuckdbSql:
    """Return a SELECT in DuckDB's SQL."""
    made = select.compile(dialect=_READ_BY, compile_kwargs={"render_postcompile": True})
    text, tables = _transpiled(str(made))
    return DuckdbSql(text, made.params, tables)


@functools.lru_cache(maxsize=256)
def _transpiled(text: str) -> tuple[str, frozenset[str]]:
    tree = sqlglot.parse_one(text, read="postgres")
    return tree.sql("duckdb"), frozenset(table.name for table in tree.find_all(exp.Table))
