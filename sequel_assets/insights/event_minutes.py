"""What each day adds to an event: minutes, people who come for the first time or register, a higher peak."""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import case, func, literal, select

from sequel_assets.insights.event_days import REPLAY_DAYS, UNKNOWN, ZERO, stacked
from sequel_assets.insights.registering import entry_day
from sequel_assets.insights.sql import is_long, within
from sequel_assets.insights.unlisted import unlisted_minutes
from sequel_assets.warehouse.tables.core import MINUTES, event_concurrency, event_participants
from sequel_assets.warehouse.tables.event_details import event_activity, poll_answers
from sequel_assets.warehouse.tables.types import UtcDateTime
from sequel_assets.warehouse.tables.unlisted import unlisted_usage

SUMS = (*MINUTES, "unique_users", "attended_live", "registered", "registered_live", "voted_live", "watched", "unlisted")
"""What is added up over days: `watched` are live minutes, nobody's counted above the planned ones.

`unlisted` counts the days with people beyond those that Sequel lists.
"""
PEAK = ("peak_users", "peak_at")
"""Columns with a running maximum: only a day with a higher peak has a value, so that peak_at is the earliest minute."""


def changes_of_events(company_id: str, first: date, last: date, start: date, opened: sa.CTE) -> sa.Subquery:
    """Return what each day added to an event: minutes, who came for the first time or registered, a new peak."""
    people, peaks = _people(company_id, first, last, start, opened), _peaks(company_id, start, last, opened)
    p, u = people.c, unlisted_usage.c
    before = p.live_so_far - p.live_minutes
    comes_live = (p.seen == 1) & (p.day == p.came_on)
    registers_late = (p.registered == 1) & (p.came_on < p.day)

    def counted(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    def as_planned(minutes: Any) -> Any:
        return case((minutes > p.planned_minutes, p.planned_minutes), else_=minutes)

    numbers = {name: func.sum(p[name]) for name in MINUTES} | {
        "unique_users": counted((p.seen == 1) & (p.days_so_far == 1)),
        "attended_live": counted(comes_live),
        "registered": counted(p.registered == 1),
        "registered_live": counted((comes_live & (p.registered_so_far > 0)) | registers_late),
        "voted_live": counted(comes_live & (p.is_voted == 1)),
        "watched": func.sum(as_planned(p.live_so_far) - as_planned(before)),
    }
    nothing = dict.fromkeys(SUMS, ZERO) | {"peak_users": UNKNOWN, "peak_at": sa.cast(sa.null(), UtcDateTime)}
    return stacked(
        nothing,
        (
            select(peaks.c.event_id, peaks.c.day).where(peaks.c.users > func.coalesce(peaks.c.highest_before, -1)),
            {"peak_users": peaks.c.users, "peak_at": peaks.c.minute},
        ),
        (
            unlisted_minutes(company_id, start, last, u.event_id, u.day)
            .where(u.event_id.in_(select(opened.c.event_id)))
            .with_only_columns(u.event_id, u.day),
            {name: func.sum(u[name]) for name in MINUTES} | {"unlisted": func.count()},
        ),
        (select(p.event_id, p.day).where((p.seen == 1) | (p.registered == 1)).group_by(p.event_id, p.day), numbers),
    )


def _people(company_id: str, first: date, last: date, start: date, opened: sa.CTE) -> sa.Subquery:
    """Return each person's days in each event, that of registration too, with running sums and whether they voted."""
    f, a, v = event_participants.c, event_activity.c, poll_answers.c
    window = (first - timedelta(days=REPLAY_DAYS), last)
    every = stacked(
        dict.fromkeys((*MINUTES, "seen", "registered", "voted"), ZERO),
        (
            select(f.event_id, f.person_id, f.day)
            .where(f.company_id == company_id, f.day.between(start, last))
            .where(*within(f.event_id, select(opened.c.event_id), is_all=is_long(first, last, start))),
            {name: f[name] for name in MINUTES} | {"seen": literal(1)},
        ),
        (
            select(a.event_id, a.person_id, entry_day().label("day"))
            .where(a.company_id == company_id, a.day.between(*window))
            .where(a.registered_at.is_not(None)),
            {"registered": literal(1)},
        ),
        (
            select(v.event_id, v.person_id, v.day)
            .where(v.company_id == company_id, v.day.between(*window))
            .where(v.person_id.is_not(None)),
            {"voted": literal(1)},
        ),
    )
    e, whose = every.c, (every.c.event_id, every.c.person_id)
    return (
        select(
            *e,
            opened.c.planned_minutes,
            func.sum(e.seen).over(partition_by=whose, order_by=e.day).label("days_so_far"),
            func.sum(e.live_minutes).over(partition_by=whose, order_by=e.day).label("live_so_far"),
            func.sum(e.registered).over(partition_by=whose, order_by=e.day).label("registered_so_far"),
            func.min(case((e.live_minutes > 0, e.day))).over(partition_by=whose).label("came_on"),
            func.max(e.voted).over(partition_by=whose).label("is_voted"),
        )
        .join(opened, opened.c.event_id == e.event_id)
        .subquery("people_by_day")
    )


def _peaks(company_id: str, start: date, last: date, opened: sa.CTE) -> sa.Subquery:
    """Return each day's highest and earliest minute of each event, beside the highest of the days before."""
    c = event_concurrency.c
    place = func.row_number().over(partition_by=(c.event_id, c.day), order_by=(c.users.desc(), c.minute))
    minutes = (
        select(c.event_id, c.day, c.users, c.minute, place.label("place"))
        .where(c.company_id == company_id, c.day.between(start, last), c.event_id.in_(select(opened.c.event_id)))
        .subquery("minutes")
    )
    m = minutes.c
    highest = func.max(m.users).over(partition_by=m.event_id, order_by=m.day, rows=(None, -1))
    return (
        select(m.event_id, m.day, m.users, m.minute, highest.label("highest_before"))
        .where(m.place == 1)
        .subquery("peaks")
    )
