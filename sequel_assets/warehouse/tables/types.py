"""Column types that mean the same on every engine."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from sequel_assets.warehouse.database.errors import ValueRefused


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, text without a zone on SQLite. Aware in, aware out."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Ask for a zone where the engine has one."""
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse a naive time (it would be read in somebody's local zone) and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueRefused(f"a time without a zone cannot be stored: {value}")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the moment in UTC, whatever zone the session has."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ByCodePoint(FunctionElement[str]):
    """A text that is compared and sorted by code point, as Python does, whatever language the database has."""

    name = "by_code_point"
    type = sa.Text()
    inherit_cache = True


@compiles(ByCodePoint)
def _by_code_point(element: ByCodePoint, compiler: Any, **options: Any) -> str:
    collation = '"C"' if compiler.dialect.name == "postgresql" else "BINARY"
    return f"{compiler.process(element.clauses, **options)} COLLATE {collation}"
