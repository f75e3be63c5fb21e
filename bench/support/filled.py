"""Fill a warehouse with a year of facts without Sequel: 50 companies of about 20,000 facts are 1 M."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.people_sets import FactsOfDay, replace_people_sets
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import companies, event_concurrency, event_participants, events, refreshes
from sequel_assets.warehouse.tables.event_details import chat_messages, event_activity, poll_answers, polls, questions

LAST, YEAR, EVENTS, PEOPLE = date(2026, 11, 22), 365, 105, 160
FIRST = LAST - timedelta(days=YEAR - 1)
NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
STAGE = "virtualStageEvent"
FACTS = (event_participants, event_concurrency, event_activity, polls, poll_answers, questions, chat_messages)


def fill(
    warehouse: Warehouse,
    company_id: str,
    chance: random.Random,
    *,
    days: int = YEAR,
    people: int = PEOPLE,
    tables: Sequence[sa.Table] = FACTS,
) -> int:
    """Land a year (or so many days) of a company, two events a week of 160 (or so many) people, a fifth of them with replays; return the facts."""
    rows: dict[sa.Table, list[tuple[Any, ...]]] = {table: [] for table in FACTS}
    of = {"company_id": company_id, "event_type": STAGE, "is_cancelled": False}
    listed, began = [], LAST - timedelta(days=days - 1)
    for n in range(EVENTS * days // YEAR):
        on, event = began + timedelta(days=n * YEAR // EVENTS), f"e{n}"
        who = sorted({f"{chance.randrange(100_000):064x}" for _ in range(people)})
        rows[event_participants] += [(company_id, on, event, p, STAGE, 30, 0, 30) for p in who]
        replayed = on + timedelta(days=1 + n % 20)
        if replayed <= LAST:
            rows[event_participants] += [(company_id, replayed, event, p, STAGE, 0, 9, 9) for p in who[::5]]
        begins = datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
        listed.append(
            of | {"event_id": event, "name": "e", "starts_at": begins, "ends_at": begins + timedelta(hours=1)}
        )
        rows[event_concurrency] += [(company_id, on, event, begins + timedelta(minutes=m), 160 - m) for m in range(60)]
        rows[event_activity] += [(company_id, on, event, p, 1, begins) for p in who]
        rows[polls].append((company_id, on, event, "p", 1, "?"))
        rows[poll_answers] += [(company_id, on, event, "p", i, p, "o", True) for i, p in enumerate(who[::4], 1)]
        rows[questions] += [(company_id, on, event, f"q{i}", p, "?") for i, p in enumerate(who[::8])]
        rows[chat_messages] += [(company_id, on, event, f"m{i}", i, p, "!") for i, p in enumerate(who[::2], 1)]
    rows[refreshes] = [
        (company_id, table.name, began + timedelta(days=n), NOW, NOW, NOW, True, 1, "x", None, None, "x")
        for table in tables
        for n in range(days)
    ]
    with warehouse.write(company_id) as connection:
        _present(connection, company_id)
        connection.execute(events.insert(), listed)
        for table, landed in rows.items():
            if table not in {*tables, refreshes}:
                continue
            width = len(landed[0])
            names = [column.name for column in table.columns]
            chosen = _COLUMNS.get(table, names)
            assert len(chosen) == width, table.name
            bulk.insert(
                connection, table, [tuple(dict(zip(chosen, row, strict=True)).get(n) for n in names) for row in landed]
            )
        _sets(connection, company_id, rows[event_participants])
    return len(rows[event_participants])


def _sets(connection: sa.Connection, company_id: str, facts: Iterable[tuple[Any, ...]]) -> None:
    """Make the sets of people as the loader does."""
    of_day: dict[date, list[tuple[Any, ...]]] = {}
    for row in facts:
        of_day.setdefault(row[1], []).append(row)
    days = [FactsOfDay(on, frozenset(), frozenset(rows), has_sets=False) for on, rows in of_day.items()]
    replace_people_sets(connection, company_id, days)


_KEYS = ("company_id", "day", "event_id")
_COLUMNS: dict[sa.Table, tuple[str, ...]] = {
    event_activity: (*_KEYS, "person_id", "entries", "registered_at"),
    poll_answers: (*_KEYS, "poll_id", "position", "person_id", "option_id", "is_listed_option"),
    questions: (*_KEYS, "question_id", "person_id", "text"),
    chat_messages: (*_KEYS, "message_id", "position", "person_id", "text"),
}
"""The columns that are filled of tables that have more."""


def _present(connection: sa.Connection, company_id: str) -> None:
    """Land the company: `c0` is the root, the others are its sub-companies."""
    parent = None if company_id == "c0" else "c0"
    named = {"partition_key": company_id, "name": company_id, "parent_company_id": parent}
    seen = {"first_seen_at": NOW, "last_seen_at": NOW}
    connection.execute(companies.insert().values(company_id=company_id, depth=int(parent is not None), **named, **seen))
    connection.execute(company_parents.insert().values(company_id=company_id, from_day=FIRST, parent_company_id=parent))


def count_slices(warehouse: Warehouse, tables: Sequence[sa.Table]) -> None:
    """Let the bookkeeping have the number of rows that each slice has."""
    r = refreshes.c
    with warehouse.write() as connection:
        for table in tables:
            here = (table.c.company_id == r.company_id, table.c.day == r.day)
            many = sa.select(sa.func.count()).select_from(table).where(*here).scalar_subquery()
            connection.execute(refreshes.update().where(r.dataset == table.name).values(rows=many))


def analyze(warehouse: Warehouse) -> None:
    """Run PostgreSQL's ANALYZE, as autovacuum does by itself within about a minute; it counts once it is committed."""
    if not warehouse.is_sqlite:
        with warehouse.write() as connection:
            connection.execute(sa.text("ANALYZE"))
