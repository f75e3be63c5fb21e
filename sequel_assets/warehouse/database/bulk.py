"""Writes many rows, the fast way of each engine: COPY on PostgreSQL, one prepared statement on SQLite."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

Row = tuple[Any, ...]


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert rows that have every column of the table, in its order."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        connection.execute(table.insert(), _as_dicts(table.columns.keys(), rows))


def delete(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Delete these rows, found by their primary key."""
    if not rows:
        return
    key = list(table.primary_key.columns)
    statement = table.delete().where(*(column == sa.bindparam(f"key_{column.name}") for column in key))
    places = [list(table.columns).index(column) for column in key]
    names = [f"key_{column.name}" for column in key]
    connection.execute(statement, _as_dicts(names, [tuple(row[i] for i in places) for row in rows]))


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
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    key = [column.name for column in table.primary_key.columns]
    changes = {name: statement.excluded[name] for name in rows[0] if name not in key and name not in keep}
    condition = where(statement.excluded) if where else None
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes, where=condition), rows)


def _as_dicts(names: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]


def _bound(table: sa.Table, rows: Sequence[Row], dialect: sa.Dialect) -> Iterable[Sequence[Any]]:
    """Convert the values by the columns' types, which COPY would skip: a time without a zone is refused here."""
    kinds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.columns]
    places = [(place, process) for place, process in enumerate(kinds) if process is not None]
    for row in rows:
        values = list(row)
        for place, process in places:
            values[place] = process(values[place])
        yield values


def _copy(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {quote(table.name)} ({', '.join(quote(column.name) for column in table.columns)}) FROM STDIN"
    dbapi_error = connection.dialect.loaded_dbapi.Error
    prepared = _bound(table, rows, connection.dialect)
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for row in prepared:
                copy.write_row(row)
    except dbapi_error as error:
        raise exc.DBAPIError.instance(statement, None, error, dbapi_error) from error
    finally:
        cursor.close()
