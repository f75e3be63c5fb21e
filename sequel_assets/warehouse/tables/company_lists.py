"""What is kept of a company without a day: registrants, hosts, people and rooms of hubs, its parents, its unavailable datasets.

And of the root, what the warehouse was made with, and what was learned about how Sequel answers the account.
"""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKeyConstraint, Table, Text

from sequel_assets.warehouse.tables.core import HUB, PERSONAL, STAGE, company_column, metadata, never_negative
from sequel_assets.warehouse.tables.types import UtcDateTime

_OF_EVENT = ["company_id", "event_id"], ["events.company_id", "events.event_id"]


def _list(name: str, listed_of: str, *columns: "sa.schema.SchemaItem", comment: str) -> Table:
    """Return a table of what Sequel lists of each event of a type, which the list is requested of."""
    event = "the hub's uid" if listed_of == HUB else "the stage event's uid"
    event_id = Column("event_id", Text, primary_key=True, comment=event)
    of_event = ForeignKeyConstraint(*_OF_EVENT)
    info = {"listed_of": listed_of}
    return Table(name, metadata, company_column(), event_id, *columns, of_event, comment=comment, info=info)


registrants = _list(
    "registrants",
    STAGE,
    Column("person_id", Text, primary_key=True, comment="who registered; see people. Spellings of one e-mail are one person"),
    Column("registered_at", UtcDateTime, comment="when, by event_activity; null where it does not say"),
    Column("has_join_link", sa.Boolean, nullable=False, comment="whether Sequel gives them a link of their own; the link lets anybody in and is not kept"),
    Column("custom_answers", Text, info=PERSONAL, comment="personal: what they answered on registering, JSON with its keys in order; null where there is nothing"),
    Column("first_seen_at", UtcDateTime, nullable=False, comment="when they were first found among the event's registrants"),
    comment="Who registered for an event, whether or not they came",
)  # fmt: skip

hub_participants = _list(
    "hub_participants",
    HUB,
    Column("person_id", Text, primary_key=True, comment="who is in the hub; see people"),
    Column("entries", sa.BigInteger, nullable=False, comment="how often Sequel lists them"),
    Column("first_when_raw", sa.Double, comment="the smallest `when` as Sequel sends it, its meaning not stated"),
    Column("last_when_raw", sa.Double, comment="the largest `when` as Sequel sends it"),
    Column("first_seen_at", UtcDateTime, nullable=False, comment="when they were first found in the hub"),
    *never_negative("entries"),
    comment="Who Sequel lists in a networking hub",
)  # fmt: skip

hub_rooms = _list(
    "hub_rooms",
    HUB,
    Column("position", sa.BigInteger, primary_key=True, autoincrement=False, comment="place among the hub's rooms as Sequel lists them, from 1"),
    Column("name", Text, nullable=False, comment="the room's name, trimmed; empty where Sequel gives none"),
    Column("max_slots", sa.BigInteger, comment="how many people have a place in the room (maxSlots); null where Sequel does not say"),
    Column("first_seen_at", UtcDateTime, nullable=False, comment="when the hub was first found to have a room at this place, whatever its name was"),
    *never_negative("position", "max_slots"),
    comment="The rooms of a networking hub, as Sequel last listed them",
)  # fmt: skip

event_hosts = _list(
    "event_hosts",
    STAGE,
    Column("person_id", Text, primary_key=True, comment="who; see people. Of the e-mail, as everywhere; of somebody named by an id alone of that id, which is nobody's in another table"),
    Column("role", Text, primary_key=True, comment="organizer or presenter; somebody who is both has two rows"),
    Column("has_email", sa.Boolean, nullable=False, comment="whether Sequel names them by an e-mail; without one nobody in the audience is known to be them"),
    Column("first_seen_at", UtcDateTime, nullable=False, comment="when they were first found in this role of the event"),
    comment="Who organizes and presents an event, as its company's list of events names them",
)  # fmt: skip

event_host_counts = Table(
    "event_host_counts",
    metadata,
    company_column(),
    Column("event_id", Text, primary_key=True, comment="the stage event's uid"),
    Column("organizers", sa.BigInteger, comment="how many entries of organizers name somebody; null where Sequel has no organizers, which is not nobody"),
    Column("presenters", sa.BigInteger, comment="how many entries of presenters name somebody; null likewise"),
    Column("by_id", sa.BigInteger, nullable=False, comment="of them those that are named by an id alone"),
    Column("unknown", sa.BigInteger, nullable=False, comment="entries of both that are neither an e-mail nor an id nor an object with one of them; they are in no row of event_hosts"),
    ForeignKeyConstraint(*_OF_EVENT),
    *never_negative("organizers", "presenters", "by_id", "unknown"),
    comment="How many hosts an event has, and of how many of them it is not known who they are",
)  # fmt: skip

LISTED_OF: dict[Table, str] = {
    table: table.info["listed_of"] for table in metadata.tables.values() if "listed_of" in table.info
}
"""The lists without a day, and the event_type of those that each is requested of."""

company_parents = Table(
    "company_parents",
    metadata,
    company_column(),
    Column("from_day", sa.Date, primary_key=True, comment="UTC day from which it stood there; before a company's first row it stood where that row says"),
    Column("parent_company_id", Text, comment="the company directly above from that day on; null for the root"),
    comment="Where each company stood in the tree from which day on, kept from what each hour's walk finds",
)  # fmt: skip

availability = Table(
    "availability",
    metadata,
    company_column(),
    Column("dataset", Text, primary_key=True, comment="a dataset from an endpoint that is not documented, or that an account may be refused"),
    Column("is_available", sa.Boolean, nullable=False, comment="whether Sequel answers it for this company"),
    Column("reason", Text, nullable=False, comment="why it is not available, in one line; empty where it is"),
    Column("since", UtcDateTime, nullable=False, comment="since when it has been so"),
    Column("checked_at", UtcDateTime, nullable=False, comment="when that was last asked"),
    comment="Which datasets Sequel answers for a company, and which not: those have no numbers, not zeros",
)  # fmt: skip

warehouse_identity = Table(
    "warehouse_identity",
    metadata,
    Column("company_id", Text, primary_key=True, comment="the root company's uid at Sequel, SEQUEL_COMPANY_ID"),
    Column("api_host", Text, nullable=False, comment="host of SEQUEL_API_URL; loopback for every address of the machine itself"),
    Column("person_key_fingerprint", Text, nullable=False, comment="shows whether SEQUEL_PERSON_KEY is the one that people are hashed with, and not what it is: HMAC-SHA-256 of a constant, 32 hex digits"),
    Column("rule_version", sa.BigInteger, nullable=False, comment="version of the rule that makes person_id out of e-mails and names"),
    Column("written_at", UtcDateTime, nullable=False, comment="when that was written: by the first refresh, or when the release came that keeps it"),
    *never_negative("rule_version"),
    comment="What the warehouse was made with, in one row; whoever writes compares it with the settings first",
)  # fmt: skip

api_profile = Table(
    "api_profile",
    metadata,
    Column("company_id", Text, primary_key=True, comment="the root company's uid at Sequel, SEQUEL_COMPANY_ID"),
    Column("fact", Text, primary_key=True, comment="analytics_url, end_date, list_cap or activity_unit, which change how Sequel is requested; engagement_type, dates, totals, days or concurrency, for which numbers cannot be had"),
    Column("value", Text, nullable=False, comment="what was learned: an address, excluded, a number of rows, or in which way the fact is not as documented"),
    Column("learned_at", UtcDateTime, nullable=False, comment="when it was learned"),
    Column("learned_by", Text, nullable=False, comment="the command that learned it, with its release"),
    comment="How Sequel answers this account where that is not as documented or assumed: refreshes request by it",
)  # fmt: skip
