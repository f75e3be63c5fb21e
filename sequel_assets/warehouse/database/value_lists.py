"""`column IN (...)` over a list of any length, sent as one parameter.

PostgreSQL allows 65,535 parameters for a statement and SQLite 32,766 (250,000 in some builds), and a company may have
more events. So use `among` for lists from data, and `in_` only for lists that are written in the code.
"""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


def among(column: "sa.ColumnElement[Any]", values: Iterable[Any]) -> "sa.ColumnElement[bool]":
    """Return the condition that a column of texts, integers or days has one of these values; false for no values."""
    return _Among(column, sa.bindparam(None, list(values), type_=_ListParameter(column.type), unique=True))


class _ListParameter(TypeDecorator[Any]):
    """A list as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, of: Any) -> None:
        self.of = of
        super().__init__()

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Take an array where the engine has them."""
        is_array = dialect.name == "postgresql"
        return dialect.type_descriptor(postgresql.ARRAY(self.of) if is_array else sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """Return the list as the engine takes it; each value as its column stores it."""
        if dialect.name == "postgresql":
            return value
        process = self.of.dialect_impl(dialect).bind_processor(dialect) or (lambda one: one)
        return json.dumps([process(one) for one in value])


class _Among(FunctionElement[bool]):
    name = "among"
    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """Stay as it is within a condition: SQLAlchemy would write `... = 1` on SQLite, which then uses no index."""
        return self


@compiles(_Among, "postgresql")
def _as_array(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(_Among)
def _as_json(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - no value is in it
