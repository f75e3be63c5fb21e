"""The demo's datasets as tables: usage with sums that can be checked by eye, then details of one event."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import sqlalchemy as sa

from sequel_assets.cli.demo import insights
from sequel_assets.cli.support.terminal import console, table
from sequel_assets.insights.company_rollup import company_rollup
from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.insights.peak_concurrency import peak_concurrency
from sequel_assets.insights.top_participants import top_participants
from sequel_assets.refresh.core import config
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import ALL, event_participants, events, proofs, refreshes
from sequel_assets.warehouse.tables.event_details import chat_messages

EVENTS, MESSAGES, WEEK = 6, 8, "last_7_days"


def show(settings: Settings) -> None:
    """Print usage of companies, events and people, and one event's chat, and the hour up to which they are complete."""
    warehouse = config.open_warehouse(settings)
    try:
        with warehouse.read() as connection:
            names = {company.company_id: company.partition_key for company in catalog.known_companies(connection)}
            through = connection.scalar(sa.select(sa.func.max(refreshes.c.data_through)))
            console().print(
                f"\nData through {through:%Y-%m-%d %H:%M} UTC: the last full hour that Sequel has computed.\n"
            )
            _daily(connection, names)
            _rollup(connection, names, through.date())
            _participants(connection, names)
            _peaks(connection, names)
            _lifetime(connection, names)
            _statistics(connection, names)
            insights.show(connection, names)
            _chat(connection, names)
            _top(connection, names)
    finally:
        warehouse.dispose()


def _daily(connection: sa.Connection, names: dict[str, str]) -> None:
    usage = pd.read_sql(sa.select(daily_usage).where(daily_usage.c.event_type == ALL), connection)
    minutes = usage.pivot_table(
        index="day", columns="company_id", values="engaged_minutes", aggfunc="sum", fill_value=0
    )
    minutes = minutes.reindex(columns=list(names), fill_value=0)
    minutes["all"] = minutes.sum(axis="columns")
    rows = [(str(day)[:10], *map(int, values)) for day, *values in minutes.itertuples()]
    sums = [int(total) for total in minutes.sum()]
    table(
        "daily_usage: engaged minutes by day and company",
        ("day", *names.values(), "all companies"),
        rows,
        ("sum", *sums),
    )


def _participants(connection: sa.Connection, names: dict[str, str]) -> None:
    totals = (
        connection.execute(
            sa.select(proofs)
            .where(proofs.c.live_users.between(3, 25), proofs.c.on_demand_users > 0)
            .order_by(proofs.c.live_users.desc(), *proofs.primary_key)
            .limit(1)
        ).first()
        or connection.execute(sa.select(proofs).order_by(*proofs.primary_key).limit(1)).first()
    )
    if totals is None:
        return
    key = (totals.company_id, totals.day, totals.event_id)
    fact = event_participants.c
    who = connection.execute(
        sa.select(fact.person_id, fact.live_minutes, fact.on_demand_minutes, fact.engaged_minutes)
        .where(fact.company_id == key[0], fact.day == key[1], fact.event_id == key[2])
        .order_by(fact.engaged_minutes.desc(), fact.person_id)
    ).all()
    event = connection.scalar(
        sa.select(events.c.name).where(events.c.company_id == key[0], events.c.event_id == key[2])
    )
    rows = [(row.person_id[:12], row.live_minutes, row.on_demand_minutes, row.engaged_minutes) for row in who]
    sums = [sum(row[place] for row in rows) for place in (1, 2, 3)]
    expected = f"control totals: {totals.live_minutes:,} live, {totals.on_demand_minutes:,} on demand"
    table(
        f"event_participants: {names[key[0]]}, {key[1]}, “{event}” ({expected})",
        ("person", "live_minutes", "on_demand_minutes", "engaged_minutes"),
        rows,
        (f"{len(rows)} people", *sums),
    )


def _peaks(connection: sa.Connection, names: dict[str, str]) -> None:
    peak = peak_concurrency.c
    found: dict[str, Any] = {}
    for row in connection.execute(
        sa.select(peak_concurrency).where(peak.event_id == ALL).order_by(peak.peak_users.desc(), peak.peak_at)
    ):
        found.setdefault(row.company_id, row)
    rows = [
        (name, found[company].peak_users, f"{found[company].peak_at:%Y-%m-%d %H:%M}")
        for company, name in names.items()
        if company in found
    ]
    table(
        "peak_concurrency: the highest of all days, over all events of a company",
        ("company", "peak_users", "peak_at (UTC)"),
        rows,
    )


def _lifetime(connection: sa.Connection, names: dict[str, str]) -> None:
    life = lifetime_usage.c
    newest = sa.select(sa.func.max(life.day)).scalar_subquery()
    rows = connection.execute(sa.select(lifetime_usage).where(life.event_type == ALL, life.day == newest)).all()
    by_company = {row.company_id: row for row in rows}
    columns = ("live_minutes", "on_demand_minutes", "engaged_minutes", "unique_users", "events", "counts_from")
    shown = [
        (name, *(by_company[company]._mapping[column] for column in columns))
        for company, name in names.items()
        if company in by_company
    ]
    table(f"lifetime_usage: as of {rows[0].day if rows else 'no day yet'}", ("company", *columns), shown)


def _rollup(connection: sa.Connection, names: dict[str, str], today: date) -> None:
    """Print the newest day that is over: the root's row has the sums of the table of all companies."""
    roll = company_rollup.c
    newest = sa.select(sa.func.max(roll.day)).where(roll.day < today)
    chosen = (roll.event_type == ALL, roll.day == newest.scalar_subquery())
    found = {row.company_id: row for row in connection.execute(sa.select(company_rollup).where(*chosen))}
    columns = ("companies", "engaged_minutes", "unique_users", "events", "peak_users")
    shown = [
        (name, *(found[company]._mapping[column] for column in columns))
        for company, name in names.items()
        if company in found
    ]
    day = next((row.day for row in found.values()), "no day yet")
    title = f"company_rollup: {day}, each company with its sub-companies, people counted once"
    table(title, ("company", *columns), shown)


def _statistics(connection: sa.Connection, names: dict[str, str]) -> None:
    columns = ("attended_live", "show_rate", "peak_users", "poll_voters", "questions", "chat_messages")
    found = _largest_events(connection)
    company = names[found[0].company_id] if found else "no company yet"
    rows = [(row.name, *(row._mapping[column] for column in columns)) for row in found]
    table(f"event_statistics: {company}, the {len(rows)} events with the most people", ("event", *columns), rows)


def _largest_events(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Return the newest statistics of the largest event and of other events of its company, with their names."""
    s = event_statistics.c
    newest = (
        sa.select(s.company_id, s.event_id, sa.func.max(s.day).label("day"))
        .group_by(s.company_id, s.event_id)
        .subquery()
    )
    rows = connection.execute(
        sa.select(event_statistics, events.c.name)
        .join(newest, sa.and_(*(s[key] == newest.c[key] for key in ("company_id", "event_id", "day"))))
        .join(events, sa.and_(*(s[key] == events.c[key] for key in ("company_id", "event_id"))))
        .order_by(s.unique_users.desc(), s.company_id, s.event_id)
    ).all()
    return [row for row in rows if row.company_id == rows[0].company_id][:EVENTS]


def _chat(connection: sa.Connection, names: dict[str, str]) -> None:
    talked = [row for row in _largest_events(connection) if row.chat_messages]
    if not talked:
        return
    event, chat = talked[0], chat_messages.c
    said = connection.execute(
        sa.select(chat.sent_at, chat.person_id, chat.text)
        .where(chat.company_id == event.company_id, chat.event_id == event.event_id)
        .order_by(chat.position)
        .limit(MESSAGES)
    ).all()
    table(
        f"chat_messages: {names[event.company_id]}, “{event.name}”, the first {len(said)} of {event.chat_messages}",
        ("sent_at (UTC)", "person", "text"),
        [
            (f"{row.sent_at:%Y-%m-%d %H:%M}" if row.sent_at else None, row.person_id and row.person_id[:12], row.text)
            for row in said
        ],
    )


def _top(connection: sa.Connection, names: dict[str, str]) -> None:
    top = top_participants.c
    newest = sa.select(sa.func.max(top.day)).where(top.period == WEEK).scalar_subquery()
    rows = connection.execute(
        sa.select(top_participants)
        .where(top.period == WEEK, top.day == newest, top.rank <= 3)
        .order_by(top.company_id, top.rank)
    ).all()
    columns = ("engaged_minutes", "events", "days")
    shown = [
        (name, row.rank, row.person_id[:12], *(row._mapping[column] for column in columns))
        for company, name in names.items()
        for row in rows
        if row.company_id == company
    ]
    day = rows[0].day if rows else "no day yet"
    table(f"top_participants: of the 7 days until {day}", ("company", "rank", "person", *columns), shown)
