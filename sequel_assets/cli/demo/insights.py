"""The demo's tables of results per event and company: the funnel, a comparison of periods, the hubs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.support.terminal import table
from sequel_assets.insights.funnel import funnel
from sequel_assets.insights.networking import networking
from sequel_assets.insights.periods import PREVIOUS
from sequel_assets.insights.usage_comparison import usage_comparison
from sequel_assets.warehouse.tables.core import events

MAX_ROWS, WEEK = 6, "last_7_days"
Names = Mapping[str, str]


def show(connection: sa.Connection, names: Names) -> None:
    """Print the newest row of each event, and of each company the newest day that has closed."""
    _of_events(
        connection, names, funnel, "the events with the most people", lambda row: (-row.attended, row.event_id),
        ("registered", "attended", "stayed_half", "asked_or_answered", "came_again"),
    )  # fmt: skip
    _comparison(connection, names)
    _of_events(
        connection, names, networking, "the hubs with the most people", lambda row: (-row.people_so_far, row.event_id),
        ("people", "minutes", "returning_people", "people_so_far", "share_networked"),
    )  # fmt: skip


def _of_events(
    connection: sa.Connection,
    names: Names,
    of: sa.Table,
    title: str,
    order: Callable[[Any], Any],
    columns: Sequence[str],
) -> None:
    """Print the newest row of the first events in this order."""
    c = of.c
    newest = sa.select(*_key(of), sa.func.max(c.day).label("day")).group_by(*_key(of)).subquery()
    rows = connection.execute(
        sa.select(of, events.c.name)
        .join(newest, sa.and_(*(c[key] == newest.c[key] for key in ("company_id", "event_id", "day"))))
        .join(events, sa.and_(*(c[key] == events.c[key] for key in ("company_id", "event_id"))))
    ).all()
    shown = [
        (names[row.company_id], row.name, str(row.day), *(row._mapping[column] for column in columns))
        for row in sorted(rows, key=order)[:MAX_ROWS]
    ]
    table(f"{of.name}: {title}", ("company", "event", "as of", *columns), shown)


def _key(of: sa.Table) -> tuple[sa.Column[Any], sa.Column[Any]]:
    return of.c.company_id, of.c.event_id


def _comparison(connection: sa.Connection, names: Names) -> None:
    c = usage_comparison.c
    chosen = (c.period == WEEK, c.compared_with == PREVIOUS, c.is_complete)
    newest = sa.select(sa.func.max(c.day)).where(*chosen).scalar_subquery()
    query = sa.select(usage_comparison).where(*chosen, c.day == newest)
    rows = {row.company_id: row for row in connection.execute(query)}
    columns = [f"{before}{name}" for name in ("engaged_minutes", "unique_users") for before in ("", "before_")]
    columns += ["engaged_minutes_change", "unique_users_change"]
    shown = [
        (name, *(rows[company]._mapping[column] for column in columns))
        for company, name in names.items()
        if company in rows
    ]
    day = next((row.day for row in rows.values()), "no day yet")
    table(
        f"usage_comparison: the 7 days until {day} and the 7 before, changes in percent", ("company", *columns), shown
    )
