"""The demo's datasets as tables.

Usage with sums that can be checked by eye, results per event and company (the funnel, a comparison of periods, the
audience, the hubs), and details of one event.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
import sqlalchemy as sa

from sequel_assets.cli.commands.query_output import COUNTED_ONCE
from sequel_assets.cli.support.terminal import console, table
from sequel_assets.insights.audience_usage import audience_usage
from sequel_assets.insights.company_rollup import company_rollup
from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.insights.funnel import funnel
from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.insights.networking import networking
from sequel_assets.insights.peak_concurrency import peak_concurrency
from sequel_assets.insights.periods import PREVIOUS
from sequel_assets.insights.top_participants import top_participants
from sequel_assets.insights.usage_comparison import usage_comparison
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import ALL, event_participants, events, proofs, refreshes
from sequel_assets.warehouse.tables.event_details import chat_messages

EVENTS, MESSAGES, WEEK = 6, 8, "last_7_days"
Names = Mapping[str, str]


def show(settings: Settings) -> None:
    """Print usage of companies, events and people, and one event's chat, and the hour up to which they are complete."""
    with stored(settings) as warehouse, warehouse.read() as connection:
        names = catalog.partition_keys(connection)
        through = connection.scalar(sa.select(sa.func.max(refreshes.c.data_through)))
        console().print(f"\nData through {through:%Y-%m-%d %H:%M} UTC: the last full hour that Sequel has computed.\n")
        _daily(connection, names)
        _rollup(connection, names, through.date())
        _participants(connection, names)
        _peaks(connection, names)
        _of_companies(
            connection, names, lifetime_usage, "as of {day}",
            ("live_minutes", "on_demand_minutes", "engaged_minutes", "unique_users", "events", "counts_from"),
            which=[lifetime_usage.c.event_type == ALL],
        )  # fmt: skip
        _statistics(connection, names)
        _of_events(
            connection, names, funnel, "the events with the most people", lambda row: (-row.attended, row.event_id),
            ("attended", "registered", "stayed_half", "asked_or_answered", "came_again"),
        )  # fmt: skip
        _comparison(connection, names)
        _of_companies(  # where hosts are not known there are no numbers
            connection, names, audience_usage, "{day}, stage events without those who host them",
            ("engaged_minutes", "unique_users", "host_minutes", "events", "events_with_unknown_hosts"),
            when=[audience_usage.c.events > 0],
        )  # fmt: skip
        _of_events(
            connection, names, networking, "the hubs with the most people",
            lambda row: (-row.people_so_far, row.event_id),
            ("people_so_far", "people", "minutes", "returning_people", "share_networked"),
        )  # fmt: skip
        _chat(connection, names)
        _top(connection, names)


def _daily(connection: sa.Connection, names: Names) -> None:
    usage = pd.read_sql(sa.select(daily_usage).where(daily_usage.c.event_type == ALL), connection)
    minutes = usage.pivot_table(
        index="day", columns="company_id", values="engaged_minutes", aggfunc="sum", fill_value=0
    ).reindex(columns=list(names), fill_value=0)
    minutes["all"] = minutes.sum(axis="columns")
    rows = [(str(day)[:10], *map(int, values)) for day, *values in minutes.itertuples()]
    sums = [int(total) for total in minutes.sum()]
    headings = ("day", *names.values(), "all companies")
    table("daily_usage: engaged minutes by day and company", headings, rows, ("sum", *sums))


def _participants(connection: sa.Connection, names: Names) -> None:
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
    fact, e = event_participants.c, events.c
    who = connection.execute(
        sa.select(fact.person_id, fact.live_minutes, fact.on_demand_minutes, fact.engaged_minutes)
        .where(fact.company_id == totals.company_id, fact.day == totals.day, fact.event_id == totals.event_id)
        .order_by(fact.engaged_minutes.desc(), fact.person_id)
    ).all()
    named = (e.company_id == totals.company_id, e.event_id == totals.event_id)
    event = connection.scalar(sa.select(e.name).where(*named))
    rows = [(row.person_id[:12], row.live_minutes, row.on_demand_minutes, row.engaged_minutes) for row in who]
    sums = [sum(row[place] for row in rows) for place in (1, 2, 3)]
    expected = f"control totals: {totals.live_minutes:,} live, {totals.on_demand_minutes:,} on demand"
    table(
        f"event_participants: {names[totals.company_id]}, {totals.day}, “{event}” ({expected})",
        ("person", "live_minutes", "on_demand_minutes", "engaged_minutes"),
        rows,
        (f"{len(rows)} people", *sums),
    )
    if sums[0] + sums[1] > sums[2]:
        console().print(COUNTED_ONCE)


def _peaks(connection: sa.Connection, names: Names) -> None:
    peak = peak_concurrency.c
    query = sa.select(peak_concurrency).where(peak.event_id == ALL).order_by(peak.peak_users, peak.peak_at.desc())
    highest = {row.company_id: row for row in connection.execute(query)}
    rows = [
        (name, highest[company].peak_users, f"{highest[company].peak_at:%Y-%m-%d %H:%M}")
        for company, name in names.items()
        if company in highest
    ]
    title = "peak_concurrency: the highest of all days, over all events of a company"
    table(title, ("company", "peak_users", "peak_at (UTC)"), rows)


def _of_companies(
    connection: sa.Connection,
    names: Names,
    of: sa.Table,
    title: str,
    columns: Sequence[str],
    *,
    which: Sequence[sa.ColumnElement[bool]] = (),
    when: Sequence[sa.ColumnElement[bool]] = (),
) -> None:
    """Print each company's row of the newest day that has rows as `when` says; of its rows the one that `which` says."""
    newest = sa.select(sa.func.max(of.c.day)).where(*when).scalar_subquery()
    rows = {row.company_id: row for row in connection.execute(sa.select(of).where(*which, of.c.day == newest))}
    shown = [
        (name, *(rows[company]._mapping[column] for column in columns))
        for company, name in names.items()
        if company in rows
    ]
    day = next((row.day for row in rows.values()), "no day yet")
    table(f"{of.name}: {title.format(day=day)}", ("company", *columns), shown)


def _rollup(connection: sa.Connection, names: Names, today: date) -> None:
    """Print the newest day that is over: the root's row has the sums of the table of all companies."""
    roll = company_rollup.c
    _of_companies(
        connection, names, company_rollup, "{day}, each company with its sub-companies, people counted once",
        ("companies", "engaged_minutes", "unique_users", "events", "peak_users"),
        which=[roll.event_type == ALL], when=[roll.day < today],
    )  # fmt: skip


def _comparison(connection: sa.Connection, names: Names) -> None:
    c = usage_comparison.c
    chosen = (c.period == WEEK, c.compared_with == PREVIOUS, c.is_complete)
    columns = [f"{before}{name}" for name in ("engaged_minutes", "unique_users") for before in ("", "before_")]
    columns += ["engaged_minutes_change", "unique_users_change"]
    title = "the 7 days until {day} and the 7 before, changes in percent"
    _of_companies(connection, names, usage_comparison, title, columns, which=chosen, when=chosen)


def _of_events(
    connection: sa.Connection,
    names: Names,
    of: sa.Table,
    title: str,
    order: Callable[[Any], Any],
    columns: Sequence[str],
) -> None:
    """Print the newest row of the first events in this order."""
    shown = [
        (names[row.company_id], row.name, str(row.day), *(row._mapping[column] for column in columns))
        for row in sorted(_newest_of_events(connection, of), key=order)[:EVENTS]
    ]
    table(f"{of.name}: {title}", ("company", "event", "as of", *columns), shown)


def _newest_of_events(connection: sa.Connection, of: sa.Table) -> Sequence[sa.Row[Any]]:
    """Return the newest row of each event, with the event's name."""
    c, key = of.c, (of.c.company_id, of.c.event_id)
    newest = sa.select(*key, sa.func.max(c.day).label("day")).group_by(*key).subquery()
    return connection.execute(
        sa.select(of, events.c.name)
        .join(newest, sa.and_(*(c[name] == newest.c[name] for name in ("company_id", "event_id", "day"))))
        .join(events, sa.and_(*(c[name] == events.c[name] for name in ("company_id", "event_id"))))
    ).all()


def _statistics(connection: sa.Connection, names: Names) -> None:
    columns = ("unique_users", "attended_live", "show_rate", "peak_users", "poll_voters", "questions", "chat_messages")
    found = _largest_events(connection)
    company = names[found[0].company_id] if found else "no company yet"
    rows = [(row.name, *(row._mapping[column] for column in columns)) for row in found]
    table(f"event_statistics: {company}, the {len(rows)} events with the most people", ("event", *columns), rows)


def _largest_events(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Return the newest statistics of the largest event and of other events of its company, with their names."""
    found = _newest_of_events(connection, event_statistics)
    rows = sorted(found, key=lambda row: (-row.unique_users, row.company_id, row.event_id))
    return [row for row in rows if row.company_id == rows[0].company_id][:EVENTS]


def _chat(connection: sa.Connection, names: Names) -> None:
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


def _top(connection: sa.Connection, names: Names) -> None:
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
