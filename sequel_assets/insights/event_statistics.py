"""How has an event gone so far, at the end of each day while its replay is watched?"""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Table, case, func, select

from sequel_assets.insights.event_days import (
    REPLAY_DAYS,
    ZERO,
    answered_days,
    open_days,
    open_events,
    so_far,
    stacked,
    where_known,
)
from sequel_assets.insights.event_minutes import PEAK, SUMS, changes_of_events
from sequel_assets.insights.registering import is_registration_known, listed_of_events
from sequel_assets.insights.sql import as_integer, average, company_label, percent, percent_column
from sequel_assets.insights.unlisted import NO_AVERAGE, is_counted, known_average, unlisted_column
from sequel_assets.warehouse.tables.core import (
    ENGAGED,
    LIVE,
    MINUTES,
    ON_DEMAND,
    company_column,
    day_column,
    event_concurrency,
    event_participants,
    metadata,
    minutes_column,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject
from sequel_assets.warehouse.tables.event_details import (
    chat_messages,
    event_activity,
    poll_answers,
    polls,
    questions,
    reactions,
)
from sequel_assets.warehouse.tables.types import UtcDateTime

_REPLAY = timedelta(days=REPLAY_DAYS)
_SO_FAR = "; up to the end of this day"
_OF_DETAILS = "; by the event's details, as last fetched; null where Sequel does not return them"
_COUNTS = ("unique_users", "attended_live", "watched_replay_only")


def _detail_count(name: str, comment: str) -> "Column[int]":
    return Column(name, sa.BigInteger, comment=comment + _OF_DETAILS)


event_statistics = Table(
    "event_statistics",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", sa.Text, primary_key=True, comment="the stage event's uid"),
    Column("is_cancelled", Boolean, nullable=False,
        comment="cancelled at Sequel, as last fetched; minutes it may have are counted all the same"),
    Column("planned_minutes", sa.BigInteger,
        comment="minutes from the planned start to the planned end; null where Sequel gives no end after the start"),
    minutes_column("live_minutes", LIVE + _SO_FAR),
    minutes_column("on_demand_minutes", ON_DEMAND + _SO_FAR),
    minutes_column("engaged_minutes", ENGAGED + _SO_FAR),
    Column("unique_users", sa.BigInteger, nullable=False,
        comment="distinct people with a minute, live or on demand" + _SO_FAR),
    Column("average_engaged_minutes", sa.Numeric(14, 2, asdecimal=False),
        comment=f"engaged_minutes / unique_users, two decimals, halves up; null when nobody came, {NO_AVERAGE}"),
    Column("attended_live", sa.BigInteger, nullable=False, comment="distinct people with a live minute" + _SO_FAR),
    Column("watched_replay_only", sa.BigInteger, nullable=False,
        comment="distinct people with an on-demand minute and no live one" + _SO_FAR),
    Column("registered", sa.BigInteger,
        comment="people whom event_activity gives a time of registration by the end of this day; null where Sequel "
        "does not say who registered"),
    percent_column("show_rate",
        "of those registered, the share with a live minute; null where nobody registered or Sequel does not say who "
        "did, and while nobody has come to an event that is cancelled or whose start day has not closed"),
    percent_column("average_share_watched",
        "live minutes / planned_minutes on average over those who attended live, nobody's counted above "
        "planned_minutes; null without either"),
    Column("peak_users", sa.BigInteger,
        comment="highest number of concurrent users in any minute" + _SO_FAR + "; null where no minute is known"),
    Column("peak_at", UtcDateTime, comment="the earliest minute (UTC) with that number"),
    _detail_count("polls", "polls held"),
    _detail_count("poll_voters", "distinct people who answered a poll; answers without a name count nobody"),
    percent_column("poll_participation_rate",
        "of those who attended live, the share that answered a poll; null where nobody attended, no poll was held or "
        "polls are unknown"),
    _detail_count("questions", "questions asked"),
    _detail_count("questions_answered", "of them those with an answer or a time of it"),
    _detail_count("chat_messages", "messages in the chat"),
    Column("chat_messages_per_minute", sa.Numeric(14, 2, asdecimal=False),
        comment="chat_messages / planned_minutes, two decimals, halves up; null without either"),
    _detail_count("reactions", "emojis sent"),
    Column("is_last_day", Boolean, nullable=False,
        comment=f"true in the row of the day {REPLAY_DAYS} days after the start day, the event's last one"),
    unlisted_column(),
    *never_negative(*MINUTES, *_COUNTS),
    comment=f"How each event has gone, as of the end of each day from its start day to {REPLAY_DAYS} days later",
)  # fmt: skip

_OPTIONAL = tuple(t.name for t in (event_activity, polls, poll_answers, questions, chat_messages, reactions))


_TALK = ("polls", "poll_voters", "questions", "questions_answered", "chat_messages", "reactions")


def select_event_statistics(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT: a row per event and day of its window, of events with a minute or somebody registered."""
    opened = open_events(company_id, first, last)
    days = open_days(company_id, first, last, start, opened)
    answered = answered_days(company_id, last, _OPTIONAL, first - _REPLAY)
    talk = _talk(company_id, first, last)
    listed = listed_of_events(company_id, first - _REPLAY, last)
    changes = changes_of_events(company_id, first, last, start, opened)
    m, t, k, n = so_far(days, changes, SUMS, PEAK).c, answered.c, talk.c, listed.c

    def of(table: Table, name: str) -> Any:
        return where_known(t[table.name], k[name])

    registered = case((is_registration_known(t[event_activity.name], n), as_integer(m.registered)), else_=None)
    planned, live = sa.cast(m.planned_minutes, sa.BigInteger), as_integer(m.attended_live)
    awaited = case((live > 0, registered), (m.has_begun & sa.not_(m.is_cancelled), registered), else_=None)
    poll_count, chat = of(polls, "polls"), of(chat_messages, "chat_messages")
    polled = case(((t[poll_answers.name] == 1) & (poll_count > 0), live), else_=None)
    numbers = {
        "is_cancelled": m.is_cancelled,
        "planned_minutes": planned,
        **{name: as_integer(m[name]) for name in (*MINUTES, "unique_users")},
        "average_engaged_minutes": known_average(
            is_counted(m.unlisted), average(as_integer(m.engaged_minutes), as_integer(m.unique_users))
        ),
        "attended_live": live,
        "watched_replay_only": as_integer(m.unique_users - m.attended_live),
        "registered": registered,
        "show_rate": percent(as_integer(m.registered_live), awaited),
        "average_share_watched": percent(as_integer(m.watched), live * planned),
        "peak_users": sa.cast(m.peak_users, sa.BigInteger),
        "peak_at": m.peak_at,
        "polls": poll_count,
        "poll_voters": of(poll_answers, "poll_voters"),
        "poll_participation_rate": percent(as_integer(m.voted_live), polled),
        "questions": of(questions, "questions"),
        "questions_answered": of(questions, "questions_answered"),
        "chat_messages": chat,
        "chat_messages_per_minute": average(chat, planned),
        "reactions": of(reactions, "reactions"),
        "is_last_day": m.is_last_day,
        "has_unlisted_people": is_counted(m.unlisted),
    }
    return (
        select(company_label(company_id), m.day, m.event_id)
        .add_columns(*(number.label(name) for name, number in numbers.items()))
        .outerjoin(answered, t.number == m.start_number)
        .outerjoin(talk, k.event_id == m.event_id)
        .outerjoin(listed, n.event_id == m.event_id)
        .where((as_integer(m.unique_users) > 0) | (func.coalesce(n.entries, 0) > 0))
    )


def _talk(company_id: str, first: date, last: date) -> sa.Subquery:
    """Return the counts of each event's details."""

    def of(table: Table, **numbers: Any) -> tuple[sa.Select[Any], dict[str, Any]]:
        chosen = (table.c.company_id == company_id, table.c.day.between(first - _REPLAY, last))
        return select(table.c.event_id).where(*chosen).group_by(table.c.event_id), numbers

    is_answered = questions.c.answer.is_not(None) | questions.c.answered_at.is_not(None)
    each = stacked(
        dict.fromkeys(_TALK, ZERO),
        of(polls, polls=func.count()),
        of(poll_answers, poll_voters=func.count(poll_answers.c.person_id.distinct())),
        of(questions, questions=func.count(), questions_answered=func.sum(case((is_answered, 1), else_=0))),
        of(chat_messages, chat_messages=func.count()),
        of(reactions, reactions=func.sum(reactions.c.count)),
    )
    sums = (func.sum(each.c[name]).label(name) for name in _TALK)
    return select(each.c.event_id, *sums).group_by(each.c.event_id).subquery("talk")


EVENT_STATISTICS = Insight(
    table=event_statistics,
    subject=Subject.EVENT_DETAILS,
    answers="How has an event gone: minutes, people, peak, polls, questions, chat?",
    grain=f"one row per company, day and stage event, from the day on which the event starts to {REPLAY_DAYS} days later, "
    "as of the end of that day; of events with a minute or somebody in event_activity",
    source="derived from event_participants and event_concurrency of every day up to this one, and from event_activity, polls, "
    "poll_answers, questions, chat_messages and reactions of the event's start day; what Sequel does not return is "
    "null",
    refreshed="with the facts of its day: every hour for today, once more at the day's close and when it turns final",
    example="SELECT event_id, unique_users, average_engaged_minutes, show_rate, peak_users FROM event_statistics s "
    "WHERE day = (SELECT max(day) FROM event_statistics l WHERE l.company_id = s.company_id AND l.event_id = "
    "s.event_id)",
    sources=(event_participants.name, event_concurrency.name),
    optional=_OPTIONAL,
    reads_events=True,
    as_of=True,
    select=select_event_statistics,
)
