"""The landed tables and the bookkeeping, each column with its meaning and unit.

The comments are the one place where a definition is written: Dagster's column schemas, docs/datasets.md and the
pages' footnotes are made from them. An insight's table stands in its own module, on this `metadata`.
Every primary key begins with `company_id`, so that a distributed database can shard by it.
"""

from datetime import date

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Table, Text

from sequel_assets.warehouse.tables.types import UtcDateTime

NO_DAY = date(1, 1, 1)
"""The day of a dataset that has none, in `refreshes` and `problems`."""
STAGE, HUB = "virtualStageEvent", "networkingHub"
"""The event types, as Sequel spells them."""
ALL = "all"
"""Stands for every event type, or every event of a company, in the insights' keys."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def day_column() -> "Column[date]":
    """Return the key column `day` of a dataset that is kept by slice."""
    return Column("day", sa.Date, primary_key=True, comment="UTC day, half-open; the partition's day")


def company_column() -> "Column[str]":
    """Return the first key column of every table."""
    return Column("company_id", Text, primary_key=True, comment="the sub-company's (or the parent's own) uid at Sequel")


def minutes_column(name: str, comment: str) -> "Column[int]":
    """Return a column of whole minutes; `never_negative` names it among the table's checks."""
    return Column(name, sa.BigInteger, nullable=False, comment=comment)


def never_negative(*names: str) -> list[CheckConstraint]:
    """Return a check per column that holds a count or minutes."""
    return [CheckConstraint(f"{name} >= 0", name=name) for name in names]


PERSONAL = {"personal": True}
MOVES_ON = "moves_on"
"""In the info of a column that a later hour changes although no number did: a slice that differs in it alone is unchanged."""
"""`info` of a column that says who somebody is, or holds what they wrote: no preview shows it, and no export has it by default."""
MINUTES = ("live_minutes", "on_demand_minutes", "engaged_minutes")


LIVE = "minutes engaged live (person x minute); all minutes of a hub are live"
ON_DEMAND = "minutes engaged on demand, in the replay (person x minute)"
ENGAGED = "minutes engaged, each person's minute counted once though it may have been live and on demand"

companies = Table(
    "companies",
    metadata,
    company_column(),
    Column("partition_key", Text, nullable=False, unique=True, comment="key of the Dagster partition: slug of the first name, a dot, 8 hex digits"),
    Column("name", Text, nullable=False, comment="name at Sequel, trimmed"),
    Column("parent_company_id", Text, comment="the company directly above; null for the root"),
    Column("depth", sa.Integer, nullable=False, comment="steps below the root, which has 0"),
    Column("first_seen_at", UtcDateTime, nullable=False, comment="when it was first found in the tree"),
    Column("last_seen_at", UtcDateTime, nullable=False, comment="when it was last found in the tree"),
    Column("gone_at", UtcDateTime, comment="when Sequel answered 404 for it; its data are kept, nothing is asked"),
    *never_negative("depth"),
    comment="The parent and all its sub-companies, at any depth",
)  # fmt: skip

events = Table(
    "events",
    metadata,
    company_column(),
    Column("event_id", Text, primary_key=True, comment="the event's uid, or the hub's"),
    Column("event_type", Text, nullable=False,
           comment="virtualStageEvent or networkingHub, as Sequel spells it"),
    Column("name", Text, nullable=False, comment="the event's name, trimmed; a hub has its earliest event's"),
    Column("starts_at", UtcDateTime, comment="planned start; a hub has the earliest of its events'; null where Sequel gives none"),
    Column("ends_at", UtcDateTime, comment="planned end; a hub has the latest of its events'; null where Sequel gives none"),
    Column("timezone", Text, comment="the event's time zone as Sequel names it; every stored time is UTC"),
    Column("is_cancelled", sa.Boolean, nullable=False, comment="cancelled at Sequel; minutes it may have are counted all the same"),
    Column("is_replay_enabled", sa.Boolean, comment="whether a replay is offered; null where Sequel does not say"),
    Column("networking_hub_id", Text, comment="the hub that this event links to, if any"),
    Column("vanished_at", UtcDateTime, comment="when Sequel had ceased to list and to know it; its rows are kept, it is not asked again"),
    Column("concurrency_from", UtcDateTime, comment="first minute of the concurrency that Sequel last answered"),
    Column("concurrency_until", UtcDateTime, comment="last minute of the concurrency that Sequel last answered"),
    ForeignKeyConstraint(["company_id"], ["companies.company_id"]),
    CheckConstraint("event_type in ('virtualStageEvent', 'networkingHub')", name="event_type"),
    sa.Index("ix_events_hub", "company_id", "networking_hub_id"),
    comment="Virtual Stage events and Networking Hubs, each at the one company it belongs to",
)  # fmt: skip

people = Table(
    "people",
    metadata,
    company_column(),
    Column("person_id", Text, primary_key=True, comment="keyed hash (HMAC-SHA-256, hex) of the e-mail, trimmed, lower-cased, NFC; without an e-mail of event, name (likewise) and, from the second one on, which one of that name it is there: the n-th of a name on one day is taken for the n-th on another, so over several days such people are counted at least"),
    Column("email", Text, info=PERSONAL, comment="personal: the e-mail, trimmed, lower-cased, NFC; null where the person gave none"),
    Column("name", Text, nullable=False, info=PERSONAL, comment="personal: the name, trimmed, as on the latest day it was seen"),
    Column("external_id", Text, info=PERSONAL, comment="the person's id in your own systems, once linked"),
    Column("named_on", sa.Date, nullable=False, comment="the day that the name was seen on"),
    comment="Who the people are: the one home of names and e-mails",
)  # fmt: skip

event_participants = Table(
    "event_participants",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the event's uid, or the hub's"),
    Column("person_id", Text, primary_key=True, comment="the person; see people"),
    Column("event_type", Text, nullable=False, comment="virtualStageEvent or networkingHub"),
    minutes_column("live_minutes", LIVE),
    minutes_column("on_demand_minutes", ON_DEMAND),
    minutes_column("engaged_minutes", ENGAGED),
    ForeignKeyConstraint(["company_id", "event_id"], ["events.company_id", "events.event_id"]),
    *never_negative(*MINUTES),
    sa.Index("ix_event_participants_person", "company_id", "person_id", "day"),
    sa.Index("ix_event_participants_event", "company_id", "event_id", "day"),
    comment="Minutes of each person in each event on each day: the fact that every number of usage comes from",
)  # fmt: skip

event_concurrency = Table(
    "event_concurrency",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the stage event's uid"),
    Column("minute", UtcDateTime, primary_key=True, comment="the minute (UTC), by its beginning"),
    Column("users", sa.BigInteger, nullable=False, comment="concurrent users in that minute"),
    ForeignKeyConstraint(["company_id", "event_id"], ["events.company_id", "events.event_id"]),
    *never_negative("users"),
    sa.Index("ix_event_concurrency_event", "company_id", "event_id", "day"),
    comment="Concurrent users of a live stage event in each minute that Sequel answers",
)  # fmt: skip

refreshes = Table(
    "refreshes",
    metadata,
    company_column(),
    Column("dataset", Text, primary_key=True, comment="the dataset (table) whose slice this is"),
    Column("day", sa.Date, primary_key=True, comment="the slice's UTC day; 0001-01-01 where the dataset has no day"),
    Column("refreshed_at", UtcDateTime, nullable=False, comment="when the slice was last refreshed"),
    Column("data_through", UtcDateTime, comment="top of the hour that the numbers cover at least; null: only single events were asked so far"),
    Column("full_through", UtcDateTime, comment="the same for the last refresh that asked every event"),
    Column("is_final", sa.Boolean, nullable=False, comment="every event was asked at or after the day's end plus the late window"),
    Column("rows", sa.BigInteger, nullable=False, comment="rows of the slice"),
    Column("checksum", Text, nullable=False, comment="SHA-256 over the slice's rows, whatever their order"),
    Column("input_checksum", Text, comment="for a derived slice: checksum of the facts that it was derived from"),
    Column("run_id", Text, comment="the Dagster run that refreshed it last"),
    Column("people_checksum", Text, comment="for event_participants: the checksum of the rows that event_day_people was made from; where it is not `checksum`, people are counted from the facts"),
    *never_negative("rows"),
    comment="One row per slice: how far its numbers go and what they were when",
)  # fmt: skip

proofs = Table(
    "proofs",
    metadata,
    company_column(),
    day_column(),
    Column("event_id", Text, primary_key=True, comment="the event's uid, or the hub's"),
    Column("live_users", sa.BigInteger, nullable=False, comment="numberOfUsers that Sequel promised for live"),
    minutes_column("live_minutes", "totalEngagedMinutes that Sequel promised for live"),
    Column("on_demand_users", sa.BigInteger, nullable=False, comment="numberOfUsers that Sequel promised for onDemand"),
    minutes_column("on_demand_minutes", "totalEngagedMinutes that Sequel promised for onDemand"),
    minutes_column("engaged_minutes", "totalEngagedMinutes of all: as answered, or live + on demand where the range shows that none overlap"),
    Column("data_through", UtcDateTime, nullable=False, comment="top of the hour that these totals cover at least"),
    *never_negative("live_users", "on_demand_users", *MINUTES),
    comment="The totals that each event's day was checked against when it was fetched",
)  # fmt: skip

silences = Table(
    "silences",
    metadata,
    company_column(),
    Column("event_id", Text, primary_key=True, comment="the event's uid, or the hub's"),
    Column("first_day", sa.Date, primary_key=True, comment="first UTC day of the stretch"),
    Column("last_day", sa.Date, nullable=False, comment="last UTC day of the stretch"),
    Column("through", UtcDateTime, nullable=False, comment="top of the hour that Sequel's answer covered at least; of stretches that were joined, the earliest"),
    CheckConstraint("first_day <= last_day", name="days"),
    comment="Stretches of days on which an event had no minutes when they were final: a backfill does not ask them again",
)  # fmt: skip

problems = Table(
    "problems",
    metadata,
    company_column(),
    Column("dataset", Text, primary_key=True, comment="the dataset concerned"),
    Column("day", sa.Date, primary_key=True, comment="the slice's UTC day; 0001-01-01 where it has none"),
    Column("event_id", Text, primary_key=True, comment="the event concerned; empty where it is the entire slice"),
    Column("reason", Text, nullable=False, comment="what is wrong and what to do, in one line, without personal data"),
    Column("since", UtcDateTime, nullable=False, comment="when it was first seen"),
    Column("kind", Text, nullable=False, server_default="problem", comment="problem: it could not be refreshed; request: the slice is requested once more, even if it is final; pending: what a refresh has noted to do and not done yet; list_cap: an event that the list of events hides; unknown_children: a company whose sub-companies were never listed, so no roll-up is written over it"),
    comment="What could not be refreshed, and what is still to be done, until it is",
)  # fmt: skip

restatements = Table(
    "restatements",
    metadata,
    company_column(),
    Column("dataset", Text, primary_key=True, comment="the dataset concerned"),
    day_column(),
    Column("key", Text, primary_key=True, comment="the event, or the event type of a row of usage"),
    Column("column_name", Text, primary_key=True, comment="the number that changed; people = how many people an event has"),
    Column("seen_at", UtcDateTime, primary_key=True, comment="when the change was seen"),
    Column("from_value", sa.Numeric(20, 2, asdecimal=False), nullable=False, comment="what the number was; 0 where there was none"),
    Column("to_value", sa.Numeric(20, 2, asdecimal=False), nullable=False, comment="what it is now; 0 where there is none"),
    Column("run_id", Text, comment="the Dagster run that saw it"),
    comment="Numbers of final slices that Sequel changed afterwards",
)  # fmt: skip

exclusions = Table(
    "exclusions",
    metadata,
    company_column(),
    Column("event_id", Text, primary_key=True, comment="the event that is not asked any more"),
    Column("reason", Text, nullable=False, comment="why its owner ruled it out"),
    Column("since", UtcDateTime, nullable=False, comment="when it was ruled out"),
    comment="Events that their owner has ruled out: they are not asked, and the numbers say so",
)  # fmt: skip

reconciliations = Table(
    "reconciliations",
    metadata,
    company_column(),
    Column("event_id", Text, primary_key=True, comment="the event or hub; empty for a company's own totals"),
    Column("scope", Text, primary_key=True,
           comment="range: the days kept here; all_time: everything that Sequel holds; before_start: of it, what lies before the history; "
           "lifetime_usage, usage, usage_by_day: a company's own totals by the endpoints that Sequel only names"),
    Column("first_day", sa.Date, comment="first day of the range; null where there is none"),
    Column("last_day", sa.Date, comment="last day of the range; null where there is none"),
    Column("found_minutes", sa.BigInteger, nullable=False, comment="sum of the engaged minutes kept here"),
    Column("promised_minutes", sa.BigInteger, nullable=False, comment="totalEngagedMinutes that Sequel answers"),
    Column("verdict", Text, nullable=False, comment="equal, before_start (minutes of days before the history), differs, or skipped (no such endpoint)"),
    Column("checked_at", UtcDateTime, nullable=False, comment="when it was last requested"),
    *never_negative("found_minutes", "promised_minutes"),
    comment="Results of the daily reconciliation: the sums kept here against the totals that Sequel answers now",
)  # fmt: skip
