"""Writes many rows, the fast way of each engine: COPY on PostgreSQL, one prepared statement on SQLite."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

Row = tuple[Any, ...]


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert rows that have every column of the table, in its order."""
    if not rows:
        return
    bound = _bound(table.columns, rows, connection.dialect)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, bound)
    else:
        places = ", ".join("?" for _ in table.columns)
        statement = f"INSERT INTO {_named(connection, table)} VALUES ({places})"  # noqa: S608 - no value is in it
        connection.exec_driver_sql(statement, list(bound))


def delete(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Delete these rows, found by their primary key."""
    if not rows:
        return
    names = [column.name for column in table.primary_key.columns]
    places = [table.columns.keys().index(name) for name in names]
    connection.execute(
        _delete(table), [{f"key_{name}": row[i] for name, i in zip(names, places, strict=True)} for row in rows]
    )


@lru_cache
def _delete(table: sa.Table) -> sa.Delete:
    return table.delete().where(*(column == sa.bindparam(f"key_{column.name}") for column in table.primary_key.columns))


def exchange(connection: sa.Connection, table: sa.Table, old: AbstractSet[Row], new: AbstractSet[Row]) -> None:
    """Replace rows by others; those that are the same are not touched."""
    delete(connection, table, list(old - new))
    insert(connection, table, list(new - old))


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Iterable[dict[str, Any]],
    where: Any = None,
    keep: Sequence[str] = (),
) -> None:
    """Insert rows or, where their key exists, update every given column but those in `keep`.

    `where(excluded)` may return a condition of the update, by the row that was to be inserted.
    """
    rows = list(rows)
    if not rows:
        return
    connection.execute(_upsert(table, connection.dialect.name, tuple(rows[0]), where, tuple(keep)), rows)


def insert_missing(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; one that a unique column has already, also by somebody at the same time, is left out."""
    if rows:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(make(table).on_conflict_do_nothing(), rows)


@lru_cache
def _upsert(
    table: sa.Table, engine: str, names: tuple[str, ...], where: Callable[[Any], Any] | None, keep: tuple[str, ...]
) -> sa.Insert:
    """Return the statement, composed once: it is executed much more often than there are different ones."""
    make = postgresql.insert if engine == "postgresql" else sqlite.insert
    statement = make(table)
    key = [column.name for column in table.primary_key.columns]
    changes = {name: statement.excluded[name] for name in names if name not in key and name not in keep}
    condition = where(statement.excluded) if where else None
    return statement.on_conflict_do_update(index_elements=key, set_=changes, where=condition)


def _bound(columns: Iterable["sa.Column[Any]"], rows: Sequence[Row], dialect: sa.Dialect) -> Iterator[Row]:
    """Convert the values by the columns' types, which the driver does not know: a time without a zone is refused here."""
    kinds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    places = [(place, process) for place, process in enumerate(kinds) if process is not None]
    for row in rows:
        values = list(row)
        for place, process in places:
            values[place] = process(values[place])
        yield tuple(values)


def _named(connection: sa.Connection, table: sa.Table) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return f"{quote(table.name)} ({', '.join(quote(column.name) for column in table.columns)})"


def _copy(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    statement = f"COPY {_named(connection, table)} FROM STDIN"
    dbapi_error = connection.dialect.loaded_dbapi.Error
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except dbapi_error as error:
        raise exc.DBAPIError.instance(statement, None, error, dbapi_error) from error
    finally:
        cursor.close()
