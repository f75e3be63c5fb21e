"""What has a person done in an event so far, at the end of each day on which they did something there?"""

from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Table, Text, case, func, literal, select

from sequel_assets.insights.event_days import (
    EARLIEST,
    REPLAY_DAYS,
    UNKNOWN,
    ZERO,
    answered_days,
    planned_minutes,
    stacked,
    where_known,
)
from sequel_assets.insights.registering import entry_day, is_registration_known, listed_of_events
from sequel_assets.insights.sql import as_integer, company_label, day_number, is_long, percent, percent_column, within
from sequel_assets.warehouse.tables.core import (
    ENGAGED,
    HUB,
    LIVE,
    MINUTES,
    ON_DEMAND,
    STAGE,
    company_column,
    day_column,
    event_participants,
    events,
    metadata,
    minutes_column,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.event_details import chat_messages, event_activity, poll_answers, questions

_SO_FAR = "; of this event, up to the end of this day"


def _action_count(name: str, what: str) -> "Column[int]":
    return Column(
        name,
        sa.BigInteger,
        comment=f"{what}; by the event's details, as last fetched; null where Sequel does not return them",
    )


person_engagement = Table(
    "person_engagement",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the stage event's uid"),
    Column("person_id", Text, primary_key=True, comment="the person; see people"),
    minutes_column("live_minutes", LIVE + _SO_FAR),
    minutes_column("on_demand_minutes", ON_DEMAND + _SO_FAR),
    minutes_column("engaged_minutes", ENGAGED + _SO_FAR),
    percent_column("share_watched",
        "live_minutes / the planned minutes of the event, at most 100; null where it has no planned end after its "
        "start"),
    minutes_column("hub_minutes", f"minutes in the hub that the event links to, from its start day to {REPLAY_DAYS} days later, up to the end of this day; "
                   "in a hub of several events they count with each: never sum them over events"),
    Column("has_attended", Boolean, nullable=False, comment="whether they have a live minute" + _SO_FAR),
    Column("is_registered", Boolean,
        comment="whether event_activity gives a time of their registration by the end of this day; null where it does "
        "not list them, or gives no time of anybody in the event"),
    Column("first_seen_on", sa.Date,
        comment="first day with a minute of theirs in the event or its hub; null while there is none"),
    Column("last_seen_on", sa.Date,
        comment="last day with a minute of theirs in the event or its hub, up to this day; null while there is none"),
    _action_count("chat_messages",
        "messages that they wrote: those in chat_messages, or the comments that event_activity counts where those are "
        "more"),
    _action_count("poll_answers",
        "polls that they answered: by poll_answers, or as event_activity counts where that is more"),
    _action_count("questions",
        "questions that they asked: those in questions, or as event_activity counts where that is more"),
    _action_count("messages_reactions", "messages and reactions that they sent, as event_activity counts them"),
    _action_count("circles", "networking circles that they joined, as event_activity counts them"),
    *never_negative(*MINUTES, "hub_minutes"),
    comment="Each person in each event, as of the end of each day on which they registered, watched or were in its hub",
)  # fmt: skip

_LISTED = ("chat_messages", "poll_answers", "questions")
_SUMS = (*MINUTES, "hub_minutes", *_LISTED)
_COUNTED = ("comments", "polls", "question_count", "messages_reactions", "circles", "registered")
_OPTIONAL = tuple(table.name for table in (event_activity, chat_messages, poll_answers, questions))
_KNOWN_FLAG = {name: f"is_{name}_known" for name in _OPTIONAL}
_KNOWN_FLAGS = tuple(_KNOWN_FLAG.values())


def select_person_engagement(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT: running sums of each person in each event, kept for the requested days.

    The details of an event belong to its start day, so that the sums include them from that day on.
    """
    touched = None if is_long(first, last, start) else _touched(company_id, first, last)
    p, e = _per_day(company_id, start, last, touched).c, events.c
    mine: dict[str, Any] = {"partition_by": (p.event_id, p.person_id), "order_by": p.day}
    seen_on = case((p.seen > 0, p.day))
    as_of = select(
        p.event_id,
        p.person_id,
        p.day,
        p.has_row,
        *(func.sum(p[name]).over(**mine).label(name) for name in _SUMS),
        *(func.max(p[name]).over(**mine).label(name) for name in _COUNTED),
        *(func.max(p[name]).over(partition_by=p.event_id, order_by=p.day).label(name) for name in _KNOWN_FLAGS),
        func.min(seen_on).over(**mine).label("first_seen_on"),
        func.max(seen_on).over(**mine).label("last_seen_on"),
    ).subquery("as_of")
    listed = listed_of_events(company_id, EARLIEST, last, *_of(touched, event_activity.c.event_id))
    s, n, planned = as_of.c, listed.c, planned_minutes()
    live = as_integer(s.live_minutes)

    def more(table: Table, counted: Any) -> Any:
        """Return the larger of the number of rows and event_activity's count, of those that are known."""
        listed = where_known(s[_KNOWN_FLAG[table.name]], s[table.name])
        return case((listed.is_(None), counted), (counted.is_(None), listed), (counted > listed, counted), else_=listed)

    return (
        select(
            company_label(company_id),
            s.day,
            s.event_id,
            s.person_id,
            *(as_integer(s[name]).label(name) for name in MINUTES),
            percent(case((live > planned, planned), else_=live), planned).label("share_watched"),
            as_integer(s.hub_minutes).label("hub_minutes"),
            (live > 0).label("has_attended"),
            case((is_registration_known(s[_KNOWN_FLAG[event_activity.name]], n), s.registered > 0)).label(
                "is_registered"
            ),
            sa.type_coerce(s.first_seen_on, sa.Date).label("first_seen_on"),
            sa.type_coerce(s.last_seen_on, sa.Date).label("last_seen_on"),
            more(chat_messages, s.comments).label("chat_messages"),
            more(poll_answers, s.polls).label("poll_answers"),
            more(questions, s.question_count).label("questions"),
            s.messages_reactions,
            s.circles,
        )
        .join(events, (e.company_id == company_id) & (e.event_id == s.event_id))
        .outerjoin(listed, n.event_id == s.event_id)
        .where(s.day >= first, s.has_row > 0)
    )


def _touched(company_id: str, first: date, last: date) -> sa.CTE:
    """Return the events in which somebody may have a row on these days, and the hub of each: event_id, hub_id."""
    f, e, a = event_participants.c, events.c, event_activity.c
    here = (f.company_id == company_id, f.day.between(first, last))
    midnight = datetime.combine(first, time(), UTC)
    registers = (a.day <= last, (a.registered_at >= midnight) | (a.day >= first))
    ids = (
        e.event_id.in_(select(f.event_id).where(*here, f.event_type == STAGE)),
        e.networking_hub_id.in_(select(f.event_id).where(*here, f.event_type == HUB)),
        e.event_id.in_(select(a.event_id).where(a.company_id == company_id, *registers)),
    )
    columns = (e.event_id, e.networking_hub_id.label("hub_id"))
    return select(*columns).where(e.company_id == company_id, e.event_type == STAGE, sa.or_(*ids)).cte("touched")


def _of(touched: sa.CTE | None, event_id: Any, which: str = "event_id") -> list[Any]:
    """Return the condition that an event is touched, or a hub is of such an event; none where all are wanted."""
    return within(event_id, None if touched is None else select(touched.c[which]), is_all=touched is None)


def _per_day(company_id: str, start: date, last: date, touched: sa.CTE | None) -> sa.Subquery:
    """Return, by event, person and day, minutes in the event and its hub, and the details of the start day."""
    f, e, a = event_participants.c, events.c, event_activity.c
    facts = (f.company_id == company_id, f.day.between(start, last))
    hubs = (f.event_type == HUB, *_of(touched, f.event_id, "hub_id"))
    met = select(f.event_id, f.person_id, f.day, f.engaged_minutes).where(*facts, *hubs).subquery("met")
    linked = (e.company_id == company_id) & (e.networking_hub_id == met.c.event_id) & (e.event_type == STAGE)
    days_after = day_number(met.c.day) - day_number(e.starts_at)
    in_hub = select(e.event_id, met.c.person_id, met.c.day).join(met, linked)
    in_hub = in_hub.where(days_after.between(0, REPLAY_DAYS), *_of(touched, e.event_id))
    counted = (a.comments, a.polls, a.questions, a.messages_reactions, a.circles, ZERO)
    registered_on = entry_day()
    answered = answered_days(company_id, last, _OPTIONAL)
    is_theirs, is_its = _of(touched, f.event_id), _of(touched, a.event_id)
    started = (e.company_id == company_id, e.event_type == STAGE, answered.c.number == day_number(e.starts_at))
    shown = {"seen": literal(1), "has_row": literal(1)}
    every = stacked(
        dict.fromkeys((*_SUMS, *_KNOWN_FLAGS, "seen", "has_row"), ZERO) | dict.fromkeys(_COUNTED, UNKNOWN),
        (
            select(f.event_id, f.person_id, f.day).where(*facts, f.event_type == STAGE, *is_theirs),
            {name: f[name] for name in MINUTES} | shown,
        ),
        (in_hub, {"hub_minutes": met.c.engaged_minutes} | shown),
        (
            select(a.event_id, a.person_id, a.day).where(a.company_id == company_id, a.day <= last, *is_its),
            dict(zip(_COUNTED, counted, strict=True)),
        ),
        (
            select(a.event_id, a.person_id, registered_on.label("day")).where(
                a.company_id == company_id, registered_on <= last, *is_its
            ),
            {
                "registered": case((a.registered_at.is_not(None), 1), else_=0),
                "has_row": case((a.registered_at.is_not(None) & (registered_on >= start), 1), else_=0),
            },
        ),
        (  # one row without a person, which applies to everybody in the event
            select(e.event_id, literal("").label("person_id"), answered.c.day).where(
                *started, *_of(touched, e.event_id)
            ),
            {_KNOWN_FLAG[name]: answered.c[name] for name in _OPTIONAL},
        ),
        _listed(company_id, last, touched, chat_messages, func.count()),
        _listed(company_id, last, touched, poll_answers, func.count(poll_answers.c.poll_id.distinct())),
        _listed(company_id, last, touched, questions, func.count()),
    )
    keys = (every.c.event_id, every.c.person_id, every.c.day)
    sums = (func.sum(every.c[name]).label(name) for name in _SUMS)
    highest = (func.max(every.c[name]).label(name) for name in (*_COUNTED, *_KNOWN_FLAGS, "seen", "has_row"))
    return select(*keys, *sums, *highest).group_by(*keys).subquery("per_day")


def _listed(
    company_id: str, last: date, touched: sa.CTE | None, table: Table, number: Any
) -> tuple[sa.Select[Any], dict[str, Any]]:
    t = table.c
    keys = (t.event_id, t.person_id, t.day)
    chosen = (t.company_id == company_id, t.day <= last, t.person_id.is_not(None), *_of(touched, t.event_id))
    return select(*keys).where(*chosen).group_by(*keys), {table.name: number}


PERSON_ENGAGEMENT = Insight(
    table=person_engagement,
    subject=Subject.AUDIENCE,
    answers="Who did what in an event: watched how much of it, wrote, asked, answered, networked?",
    grain="one row per company, day, stage event and person who registered (before or on the event's start day: on that one), watched or was in its hub on "
    "that day, as of its end; whom event_activity only lists has none until then; the newest row of an event and "
    "person is what they did in all",
    source="derived from event_participants of every day up to this one, and from event_activity, chat_messages, poll_answers and "
    "questions of the event's start day; what Sequel does not return is null",
    refreshed="when the day closes and when it turns final; for an event of today when its end is announced",
    example="SELECT event_id, person_id, max(live_minutes) AS live_minutes, max(share_watched) AS share_watched, max(questions) AS questions "
    "FROM person_engagement GROUP BY company_id, event_id, person_id",
    sources=(event_participants.name,),
    optional=_OPTIONAL,
    reads_events=True,
    as_of=True,
    at_close=True,
    select=select_person_engagement,
)
