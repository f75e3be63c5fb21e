"""Which SQL statements take how long, and by which plan the database executes each."""

import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import metadata

EVERY_ROW, WHOLE_INDEX = "every row", "all of "
"""Stand in a plan for a table, or an index of it, that is read from its beginning to its end."""
PARTIAL = "ix_inbox_waiting"
"""The index that holds a few of its table's rows: to read all of it is what it is for."""
_PLANNED = re.compile(r"\s*(WITH|SELECT|DELETE|UPDATE)\b", re.IGNORECASE)
_PLACES = re.compile(r"\((?:\s*(?:\?|%s|%\(\w+\)s)(?:::[\w ]+)?\s*,?)+\)")
_SQLITE = re.compile(r"(?:SCAN|SEARCH) (\w+)(?: EXISTS)?(?: USING (?:COVERING )?INDEX (\w+)(?: \((.*)\))?)?")
_COLUMN = r"(?<![:\w])([a-z_]+)\b(?= *(?:[=<>]|\)::\w+ *[=<>]))"
_OTHER = r"\b{0} AS \(|\) AS {0} (?:ON|JOIN|LEFT|WHERE|GROUP|ORDER)\b"
"""A part of the statement itself that has a table's name."""
_NAMED = re.compile(r'\b(\w+) AS "?(\w+)"?')


@dataclass
class Executed:
    """A statement, by its text with any number of values as one: how often, for how long, and one call of it."""

    statement: str
    parameters: Any
    by_phase: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    times: int = 0
    slowest: float = -1.0

    @property
    def seconds(self) -> float:
        """Return the time of all calls."""
        return sum(self.by_phase.values())

    @property
    def has_plan(self) -> bool:
        """Say whether it looks rows of our tables up: an INSERT of values does not."""
        tables = re.findall(r"(?:FROM|JOIN|UPDATE) (\w+)", self.statement)
        return _PLANNED.match(self.statement) is not None and not metadata.tables.keys().isdisjoint(tables)

    @property
    def key(self) -> str:
        """Return what it is known by: the beginning of the SHA-256 of its text."""
        return hashlib.sha256(normalized(self.statement).encode()).hexdigest()[:12]


class StatementLog:
    """Adds up the statements of all warehouses of this process, by phase.

    SQLite computes rows while they are fetched: there a SELECT is executed once more, to its last row, and that is timed.
    """

    def __init__(self) -> None:
        self.executed: dict[str, Executed] = {}
        self._phase, self._began = "", 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is executed within as one phase's. Threads of the phase are counted too, by their own calls."""
        self._phase = name
        event.listen(sa.Engine, "before_cursor_execute", self._before)
        event.listen(sa.Engine, "after_cursor_execute", self._after)
        try:
            yield
        finally:
            event.remove(sa.Engine, "before_cursor_execute", self._before)
            event.remove(sa.Engine, "after_cursor_execute", self._after)

    def heaviest(self, number: int) -> list[Executed]:
        """Return those with a plan that took the most time, first the heaviest."""
        planned = [one for one in self.executed.values() if one.has_plan]
        return sorted(planned, key=lambda one: -one.seconds)[:number]

    def _before(self, connection: sa.Connection, *_: object) -> None:
        connection.info["began"] = time.perf_counter()

    def _after(
        self, connection: sa.Connection, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
    ) -> None:
        seconds = time.perf_counter() - connection.info["began"]
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite" and not many and re.match(r"\s*(SELECT|WITH)\b", statement):
            began = time.perf_counter()
            driver.execute(statement, parameters).fetchall()
            seconds = time.perf_counter() - began
        text = normalized(statement)
        one = self.executed.setdefault(text, Executed(statement, parameters))
        one.times += len(parameters) if many else 1
        one.by_phase[self._phase] += seconds
        if seconds > one.slowest:
            one.slowest, one.statement, one.parameters = seconds, statement, parameters[0] if many else parameters


def normalized(statement: str) -> str:
    """Return a statement's text on one line, a list of values of any length as `(...)`."""
    return _PLACES.sub("(...)", " ".join(statement.split()))


def plan(warehouse: Warehouse, executed: Executed) -> list[str]:
    """Return how each table is reached, `table: index (condition)` or `table: every row`, in the plan's order."""
    with warehouse.read() as connection:  # EXPLAIN executes nothing
        explain: Callable[..., Iterator[str]] = _sqlite if warehouse.is_sqlite else _postgresql
        return [*dict.fromkeys(explain(connection, executed))]


def whole_tables(found: Collection[str], rows: Mapping[str, int], least: int) -> list[str]:
    """Return the tables of a plan that are read in whole though they have so many rows."""
    read = [line.partition(": ") for line in found]
    whole = (EVERY_ROW, WHOLE_INDEX)
    return sorted({t for t, _, how in read if how.startswith(whole) and PARTIAL not in how and rows.get(t, 0) >= least})


def sizes(warehouse: Warehouse) -> dict[str, int]:
    """Return the number of rows of each table."""
    with warehouse.read() as connection:
        count = sa.select(sa.func.count())
        return {table.name: connection.scalar(count.select_from(table)) or 0 for table in metadata.sorted_tables}


def _sqlite(connection: sa.Connection, executed: Executed) -> Iterator[str]:
    text = executed.statement
    names = {alias: table for table, alias in _NAMED.findall(text) if table in metadata.tables}
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", executed.parameters):
        found = _SQLITE.match(row.detail)
        table = names.get(found[1], found[1]) if found else ""
        if found and table in metadata.tables and not re.search(_OTHER.format(table), text):
            index = (found[2] or "").replace(f"sqlite_autoindex_{table}_1", f"pk_{table}")
            yield f"{table}: {_how(index, re.findall(_COLUMN, found[3] or ''))}"


def _postgresql(connection: sa.Connection, executed: Executed) -> Iterator[str]:
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {executed.statement}", executed.parameters).scalar_one()
    yield from _nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"], "")


def _nodes(node: Mapping[str, Any], above: str) -> Iterator[str]:
    table, kind = node.get("Relation Name", above), node["Node Type"]
    if table in metadata.tables and (kind == "Seq Scan" or ("Index" in kind and "Scan" in kind)):
        has = metadata.tables[table].columns
        columns = [name for name in re.findall(_COLUMN, node.get("Index Cond", "")) if name in has]
        yield f"{table}: {_how(node.get('Index Name', ''), columns)}"
    for below in node.get("Plans", ()):
        yield from _nodes(below, table)


def _how(index: str, columns: Collection[str]) -> str:
    if not index:
        return EVERY_ROW
    return f"{index} ({', '.join(dict.fromkeys(columns))})" if columns else f"{WHOLE_INDEX}{index}"
