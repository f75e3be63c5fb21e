"""What Sequel counts beyond the people that it lists, where its lists have a cap: minutes and users, never a person."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKeyConstraint, Table, Text

from sequel_assets.warehouse.tables.core import (
    MINUTES,
    company_column,
    day_column,
    metadata,
    minutes_column,
    never_negative,
)

USERS = ("live_users", "on_demand_users", "engaged_users")
_BEYOND = "that Sequel counts beyond the people of this event and day in event_participants"

unlisted_usage = Table(
    "unlisted_usage",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the event's uid, or the hub's"),
    Column("event_type", Text, nullable=False, comment="virtualStageEvent or networkingHub"),
    minutes_column("live_minutes", f"live minutes {_BEYOND}"),
    minutes_column("on_demand_minutes", f"on-demand minutes {_BEYOND}"),
    minutes_column("engaged_minutes", f"engaged minutes {_BEYOND}"),
    Column("live_users", sa.BigInteger, nullable=False, comment=f"users with a live minute {_BEYOND}"),
    Column("on_demand_users", sa.BigInteger, nullable=False, comment=f"users with an on-demand minute {_BEYOND}"),
    Column("engaged_users", sa.BigInteger, nullable=False, comment=f"users with a minute {_BEYOND}; on several days or in several events the same user may be counted several times"),
    ForeignKeyConstraint(["company_id", "event_id"], ["events.company_id", "events.event_id"]),
    *never_negative(*MINUTES, *USERS),
    comment="Usage beyond the lists of participants where Sequel caps them: minutes are complete with it, numbers of people are lower bounds",
)  # fmt: skip
