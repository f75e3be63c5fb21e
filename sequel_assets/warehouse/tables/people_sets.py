"""The people of each event's day as sets of numbers, which count people over any range without reading the facts.

Written by `warehouse/slices/people_sets.py` in the transaction of the facts, read by `insights/counted_usage.py`.
"""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKeyConstraint, Table, Text

from sequel_assets.warehouse.tables.core import (
    ENGAGED,
    LIVE,
    MINUTES,
    ON_DEMAND,
    company_column,
    day_column,
    metadata,
    minutes_column,
    never_negative,
)

_SET = "roaring bitmap (portable format) of the person_numbers.number of everybody with "

person_numbers = Table(
    "person_numbers",
    metadata,
    Column("number", sa.Integer, sa.Identity(), primary_key=True, comment="the person's number in this warehouse, from 1 on; never given twice"),
    Column("person_id", Text, nullable=False, unique=True, comment="the person; see people"),
    sqlite_autoincrement=True,
    comment="A small number for each person with a minute, the same in every company: what sets of people are made of",
)  # fmt: skip

event_day_people = Table(
    "event_day_people",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the event's uid, or the hub's"),
    Column("event_type", Text, nullable=False, comment="virtualStageEvent or networkingHub"),
    *(minutes_column(name, f"sum over the listed people: {what}") for name, what in zip(MINUTES, (LIVE, ON_DEMAND, ENGAGED), strict=True)),
    Column("live_people", sa.LargeBinary, nullable=False, comment=_SET + "a live minute"),
    Column("on_demand_people", sa.LargeBinary, nullable=False, comment=_SET + "an on-demand minute"),
    Column("engaged_people", sa.LargeBinary, nullable=False, comment=_SET + "an engaged minute"),
    ForeignKeyConstraint(["company_id", "event_id"], ["events.company_id", "events.event_id"]),
    *never_negative(*MINUTES),
    comment="Minutes and sets of people of each event's day, by which people are counted over any range of days and companies",
)  # fmt: skip
