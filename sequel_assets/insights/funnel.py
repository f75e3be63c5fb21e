"""Of those who registered for an event, how many came, stayed, took part, and came again?"""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Table, Text, case, func, literal, select

from sequel_assets.insights.event_days import REPLAY_DAYS, ZERO, answered_days, open_days, open_events, so_far, stacked
from sequel_assets.insights.periods import Days
from sequel_assets.insights.registering import entry_day, is_registration_known, listed_of_events
from sequel_assets.insights.sql import as_integer, company_label, day_number, is_long, within
from sequel_assets.warehouse.tables.core import (
    STAGE,
    company_column,
    day_column,
    event_participants,
    metadata,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.event_details import event_activity, poll_answers, questions

_OF_THEM = "; up to the end of this day"

funnel = Table(
    "funnel",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the stage event's uid"),
    Column("registered", sa.BigInteger,
        comment="people whom event_activity gives a time of registration by the end of this day; null where Sequel "
        "does not say who registered, and all who came are in the next step"),
    Column("attended", sa.BigInteger, nullable=False, comment="of them those with a live minute" + _OF_THEM),
    Column("stayed_half", sa.BigInteger,
        comment="of them those with live minutes for half of the planned minutes or more; null where the event has no "
        "planned end after its start, and then not required for the next steps" + _OF_THEM),
    Column("asked_or_answered", sa.BigInteger,
        comment="of them those who asked a question or answered a poll, by event_activity, questions or poll_answers; "
        "null where none of them is known" + _OF_THEM),
    Column("came_again", sa.BigInteger,
        comment=f"of them those with a minute, live or on demand, in another stage event of the company on a later "
        f"day, within {REPLAY_DAYS} days of the start day; null where it is unknown who asked or answered" + _OF_THEM),
    Column("walk_ins", sa.BigInteger, nullable=False,
        comment="people with a live minute who have not registered by the end of this day: they are in no step; 0 "
        "where Sequel does not say who registered"),
    Column("is_complete", Boolean, nullable=False,
        comment=f"true in the row of the day {REPLAY_DAYS} days after the start day, when came_again can grow no "
        "more"),
    *never_negative("attended", "came_again", "walk_ins"),
    comment=f"From registering to coming again, as of the end of each day from an event's start day to {REPLAY_DAYS} "
    "days later",
)  # fmt: skip

_STEPS = ("attended", "stayed_half", "asked_or_answered", "came_again")
_DAYS = (*_STEPS, "registered", "walked_in", "registered_late")
"""What is counted by the day on which it happens; `registered_late` is subtracted from `walked_in`."""
_OPTIONAL = (event_activity.name, questions.name, poll_answers.name)


def select_funnel(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT: each person counts in each step from the day on which they meet all its conditions."""
    opened, window = open_events(company_id, first, last), Days(first - timedelta(days=REPLAY_DAYS), last)
    answered = answered_days(company_id, last, _OPTIONAL, window.first)
    days = open_days(company_id, first, last, start, opened)
    listed = listed_of_events(company_id, window.first, last)
    steps = so_far(days, _per_day(_reached(company_id, window, start, opened, answered, listed)), _DAYS)
    s, t, n = steps.c, answered.c, listed.c
    is_registering = is_registration_known(t[event_activity.name], n)
    counts = {"registered": case((is_registering, as_integer(s.registered)), else_=None)}
    counts |= {name: as_integer(s[name]) for name in _STEPS}
    counts["stayed_half"] = case((s.planned_minutes.is_not(None), counts["stayed_half"]), else_=None)
    for name in ("asked_or_answered", "came_again"):
        counts[name] = case((_is_participation_known(t, n), counts[name]), else_=None)
    counts["walk_ins"] = as_integer(s.walked_in - s.registered_late)
    return (
        select(
            company_label(company_id),
            s.day,
            s.event_id,
            *(number.label(name) for name, number in counts.items()),
            s.is_last_day.label("is_complete"),
        )
        .outerjoin(answered, t.number == s.start_number)
        .outerjoin(listed, n.event_id == s.event_id)
        .where((counts["attended"] + counts["walk_ins"] > 0) | (func.coalesce(n.entries, 0) > 0))
    )


def _is_participation_known(answered: Any, listed: Any) -> Any:
    """Return the condition that it is known who asked or answered: by a list, or by event_activity's counts."""
    return (answered[questions.name] == 1) | (answered[poll_answers.name] == 1) | (listed.counted > 0)


def _came(company_id: str, window: Days, start: date, opened: sa.CTE) -> sa.CTE:
    """Return who was live in each event, since when, and since when for half of it."""
    f, o = event_participants.c, opened.c
    so_far_live = func.sum(f.live_minutes).over(partition_by=(f.event_id, f.person_id), order_by=f.day)
    by_day = (
        select(
            f.event_id,
            f.person_id,
            f.day,
            f.live_minutes,
            *o["start_number", "planned_minutes"],
            so_far_live.label("live"),
        )
        .join(opened, o.event_id == f.event_id)
        .where(f.company_id == company_id, f.day.between(start, window.last))
        .where(
            *within(
                f.event_id,
                select(o.event_id),
                is_all=is_long(window.first + timedelta(days=REPLAY_DAYS), window.last, start),
            )
        )
        .subquery("by_day")
    )
    b = by_day.c
    return (
        select(
            *b["event_id", "person_id", "start_number", "planned_minutes"],
            func.min(b.day).label("attended"),
            func.min(case((b.live * 2 >= b.planned_minutes, b.day))).label("half"),
        )
        .where(b.live > 0)
        .group_by(*b["event_id", "person_id", "start_number", "planned_minutes"])
        .cte("came")
    )


def _came_again(company_id: str, window: Days, start: date, came: sa.CTE) -> sa.Subquery:
    """Return the first later day, within the window, on which each of them was in another stage event.

    A day is taken once for each person, with its least and its greatest event: one of the two is another event, or
    there is none. Facts against facts would be the square of a person's events.
    """
    f, c = event_participants.c, came.c
    days = (
        select(f.person_id, f.day, func.min(f.event_id).label("least"), func.max(f.event_id).label("greatest"))
        .where(f.company_id == company_id, f.event_type == STAGE)
        .where(f.day.between(max(start, window.first), window.last))
        .where(f.person_id.in_(select(c.person_id)))
        .group_by(f.person_id, f.day)
        .subquery("days_of_people")
    )
    d = days.c
    days_after = day_number(d.day) - c.start_number
    return (
        select(c.event_id, c.person_id, func.min(d.day).label("returned"))
        .select_from(
            came.join(days, (d.person_id == c.person_id) & ((d.least != c.event_id) | (d.greatest != c.event_id)))
        )
        .where(days_after.between(1, REPLAY_DAYS))
        .group_by(c.event_id, c.person_id)
        .subquery("came_again")
    )


def _reached(company_id: str, window: Days, start: date, opened: sa.CTE, answered: sa.CTE, listed: sa.CTE) -> sa.CTE:
    """Return, for each person in an event, the day on which they reached each step; null if they have not."""
    came = _came(company_id, window, start, opened)
    returned, a, c = _came_again(company_id, window, start, came), event_activity.c, came.c
    no_day, yes = sa.cast(sa.null(), sa.Date), literal(1)
    took_part = case(((a.questions > 0) | (a.polls > 0), 1), else_=0)
    every = stacked(
        {"attended": no_day, "half": no_day, "returned": no_day, "registered": no_day, "took_part": ZERO},
        (select(c.event_id, c.person_id), {"attended": c.attended, "half": c.half}),
        (select(returned.c.event_id, returned.c.person_id), {"returned": returned.c.returned}),
        (
            select(a.event_id, a.person_id).where(a.company_id == company_id, a.day.between(window.first, window.last)),
            {"registered": case((a.registered_at.is_not(None), entry_day())), "took_part": took_part},
        ),
        *(
            (
                select(t.c.event_id, t.c.person_id)
                .where(t.c.company_id == company_id, t.c.person_id.is_not(None))
                .where(t.c.day.between(window.first, window.last)),
                {"took_part": yes},
            )
            for t in (questions, poll_answers)
        ),
    )
    e = every.c
    keys = (e.event_id, e.person_id)
    days = (func.min(e[name]).label(name) for name in ("attended", "half", "returned", "registered"))
    p = select(*keys, *days, func.max(e.took_part).label("took_part")).group_by(*keys).subquery("people").c
    is_registering = is_registration_known(answered.c[event_activity.name], listed.c)
    since = case((is_registering, p.registered), else_=p.attended)
    half = _both(since, case((opened.c.planned_minutes.is_(None), p.attended), else_=p.half))
    participated = case((p.took_part > 0, half))
    days_of = {
        "attended": _both(since, p.attended),
        "stayed_half": half,
        "asked_or_answered": participated,
        "came_again": _both(participated, p.returned),
        "registered": p.registered,
        "walked_in": case((since.is_(None) | (since > p.attended), p.attended)),
        "registered_late": case((since > p.attended, since)),
    }
    return (
        select(p.event_id, *(days_of[name].label(name) for name in _DAYS))
        .join(opened, opened.c.event_id == p.event_id)
        .outerjoin(answered, answered.c.number == opened.c.start_number)
        .outerjoin(listed, listed.c.event_id == p.event_id)
        .cte("reached")
    )


def _both(one: Any, other: Any) -> Any:
    """Return the day on which both had happened; null where one has not."""
    return case((one > other, one), (other >= one, other))


def _per_day(reached: sa.CTE) -> sa.Subquery:
    """Return how many people reached each step of an event on each day."""
    r = reached.c
    every = stacked(
        dict.fromkeys(_DAYS, ZERO),
        *((select(r.event_id, r[name].label("day")).where(r[name].is_not(None)), {name: literal(1)}) for name in _DAYS),
    )
    keys = (every.c.event_id, every.c.day)
    return select(*keys, *(func.sum(every.c[name]).label(name) for name in _DAYS)).group_by(*keys).subquery("per_day")


FUNNEL = Insight(
    table=funnel,
    subject=Subject.EVENT_DETAILS,
    answers="Of those who registered for an event, how many came, stayed half, took part, and came again?",
    grain=f"one row per company, day and stage event, from the day on which the event starts to {REPLAY_DAYS} days later, as of the end "
    "of that day; of events with a live minute or somebody in event_activity",
    source="derived from event_participants of every day up to this one, and from event_activity, questions and poll_answers of the "
    "event's start day; what Sequel does not return is null",
    refreshed="when the day closes and when it turns final; for an event of today when its end is announced",
    example="SELECT event_id, registered, attended, stayed_half, asked_or_answered, came_again FROM funnel f "
    "WHERE day = (SELECT max(day) FROM funnel l WHERE l.company_id = f.company_id AND l.event_id = f.event_id)",
    sources=(event_participants.name,),
    optional=_OPTIONAL,
    reads_events=True,
    as_of=True,
    at_close=True,
    select=select_funnel,
)
