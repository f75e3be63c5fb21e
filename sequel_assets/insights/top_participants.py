"""Who has spent the most time with a company's events?"""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Table, Text, and_, func, select

from sequel_assets.insights.periods import Days, is_over
from sequel_assets.insights.sql import as_integer, company_label, day_number, day_of, number_of, rows_of
from sequel_assets.warehouse.tables.core import (
    ENGAGED,
    LIVE,
    MINUTES,
    ON_DEMAND,
    company_column,
    day_column,
    event_participants,
    metadata,
    minutes_column,
    never_negative,
)
from sequel_assets.warehouse.tables.dataset import Insight, Subject

EVERY_DAY = {"last_7_days": 7, "last_28_days": 28}
MONTHLY = {"last_90_days": 90, "last_365_days": 365}
LIFETIME = "lifetime"
DAILY_PLACES, MONTHLY_PLACES = 10, 100
"""How many people a list has: as of any day, and as of the last day of a month."""
_IN_RANGE = "; in the range, over all the company's events"

top_participants = Table(
    "top_participants",
    metadata,
    company_column(),
    day_column(),
    Column("period", Text, primary_key=True,
        comment="last_7_days, last_28_days: ending with this day; on the last day of a month also last_90_days, "
        "last_365_days, and lifetime"),
    Column("rank", BigInteger, primary_key=True,
        comment="place by engaged minutes, from 1; of as many minutes the smaller person_id goes first"),
    Column("person_id", Text, nullable=False, comment="the person; see people"),
    Column("first_day", sa.Date, nullable=False,
        comment="first day that is counted: of the range, or of the history (counts_from in lifetime_usage) where "
        "that begins later"),
    minutes_column("live_minutes", LIVE + _IN_RANGE),
    minutes_column("on_demand_minutes", ON_DEMAND + _IN_RANGE),
    minutes_column("engaged_minutes", ENGAGED + _IN_RANGE),
    Column("events", BigInteger, nullable=False,
        comment="events in which the person has a minute in the range; a hub is one"),
    Column("days", BigInteger, nullable=False, comment="days of the range on which the person has a minute"),
    *never_negative(*MINUTES, "events", "days"),
    info={"repeats": True},
    comment="The people with the most engaged minutes at a company, as of the end of each day",
)  # fmt: skip


def ranges_of(day: date, start: date) -> list[tuple[str, date, int]]:
    """Return the lists that there are as of a day: the period, its first counted day, and how many people it names."""
    is_month_end = is_over("month", day)
    lengths = EVERY_DAY | (MONTHLY if is_month_end else {})
    places = MONTHLY_PLACES if is_month_end else DAILY_PLACES
    firsts = {period: day - timedelta(days=length - 1) for period, length in lengths.items()}
    firsts |= {LIFETIME: start} if is_month_end else {}
    return [(period, max(first, start), places) for period, first in firsts.items()]


def select_top_participants(company_id: str, first: date, last: date, start: date) -> sa.Select[Any]:
    """Return the SELECT: minutes per person of each list, the first ones by rank, then the events of those alone."""
    lists_wanted = [(day, *one) for day in Days(first, last) for one in ranges_of(day, start)]
    earliest = min(from_day for _, _, from_day, _ in lists_wanted)
    lists = rows_of(
        "lists",
        {"list": sa.Integer, "period": Text, "number": sa.Integer, "first_number": sa.Integer, "places": sa.Integer},
        [
            (n, period, number_of(day), number_of(from_day), places)
            for n, (day, period, from_day, places) in enumerate(lists_wanted)
        ],
    )
    fact = event_participants.c
    facts = (  # people by number in the order of their ids: sorting integers is cheaper than sorting hashes
        select(day_number(fact.day).label("number"), fact.person_id, fact.event_id, *(fact[name] for name in MINUTES),
               func.dense_rank().over(order_by=fact.person_id).label("person"))
        .where(fact.company_id == company_id, fact.day.between(earliest, last))
        .cte("facts")
    )  # fmt: skip
    days = (
        select(facts.c.number, facts.c.person, func.sum(facts.c.engaged_minutes).label("minutes"))
        .group_by(facts.c.number, facts.c.person)
        .cte("days")
    )
    every_day = rows_of("every_day", {"number": sa.Integer}, [(number_of(day),) for day in Days(earliest, last)])
    covers = (  # a row per day, so that days are joined by equality: SQLite would scan all days for each list
        select(lists.c.list, lists.c.places, every_day.c.number)
        .select_from(lists.join(every_day, every_day.c.number.between(lists.c.first_number, lists.c.number)))
        .cte("covers")
    )
    sums = (
        select(covers.c.list, covers.c.places, days.c.person, func.sum(days.c.minutes).label("minutes"))
        .select_from(covers.join(days, days.c.number == covers.c.number))
        .group_by(covers.c.list, covers.c.places, days.c.person)
        .subquery("sums")
    )
    place = func.row_number().over(partition_by=sums.c.list, order_by=(sums.c.minutes.desc(), sums.c.person))
    ranked = select(sums.c.list, sums.c.places, sums.c.person, place.label("rank")).subquery("ranked")
    short = select(ranked).where(ranked.c.rank <= ranked.c.places).cte("short")
    named = (  # outer joins, though every row has a partner: SQLite runs inner ones as nested loops
        select(lists, short.c.person, short.c.rank)
        .select_from(short.outerjoin(lists, lists.c.list == short.c.list))
        .cte("named")
    )
    n = named.c
    seen = and_(facts.c.person == n.person, facts.c.number.between(n.first_number, n.number))
    numbers = (
        select(
            n.list,
            n.rank,
            func.min(facts.c.person_id).label("person_id"),
            *(func.sum(facts.c[name]).label(name) for name in MINUTES),
            func.count(facts.c.event_id.distinct()).label("events"),
            func.count(facts.c.number.distinct()).label("days"),
        )
        .select_from(named.join(facts, seen))
        .group_by(n.list, n.rank)
        .subquery("numbers")
    )
    return select(
        company_label(company_id),
        day_of(lists.c.number).label("day"),
        lists.c.period,
        numbers.c.rank,
        numbers.c.person_id,
        day_of(lists.c.first_number).label("first_day"),
        *(as_integer(numbers.c[name]).label(name) for name in (*MINUTES, "events", "days")),
    ).select_from(numbers.outerjoin(lists, lists.c.list == numbers.c.list))


TOP_PARTICIPANTS = Insight(
    table=top_participants,
    subject=Subject.AUDIENCE,
    answers="Who has spent the most time with a company's events?",
    grain=f"one row per company, day, period and place: the first {DAILY_PLACES}, and as of the last day of a month the first {MONTHLY_PLACES} "
    "(any other range or number: `sequel-assets query top`)",
    source="derived from event_participants of every day from counts_from (see lifetime_usage) on",
    refreshed="at the day's close, and after any day before it changed",
    example="SELECT period, rank, person_id, engaged_minutes, events FROM top_participants t "
    "WHERE day = (SELECT max(day) FROM top_participants l WHERE l.company_id = t.company_id) ORDER BY company_id, "
    "period, rank",
    sources=(event_participants.name,),
    as_of=True,
    at_close=True,
    select=select_top_participants,
)
