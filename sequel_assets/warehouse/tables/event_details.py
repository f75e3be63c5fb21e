"""Event details: activity, polls, questions, chat, reactions, replays.

The `day` of each row is the UTC day on which its event starts. A column that can hold what one of the audience wrote, or what
somebody wrote of them, is marked `info={"personal": True}`: it is shown nowhere but here. What the hosts publish (names of
events and rooms, what a poll asks and offers) is not.
"""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKeyConstraint, Table, Text

from sequel_assets.warehouse.tables.core import PERSONAL, company_column, metadata, never_negative
from sequel_assets.warehouse.tables.types import UtcDateTime

_OF_EVENT = ["company_id", "event_id"], ["events.company_id", "events.event_id"]


def _table(name: str, *columns: "sa.schema.SchemaItem", comment: str, is_dataset: bool = True) -> Table:
    """Return a table of the details of events; one that is no dataset goes with another one's slices."""
    day = Column("day", sa.Date, primary_key=True, comment="UTC day on which the event starts; the partition's day")
    event = Column("event_id", Text, primary_key=True, comment="the stage event's uid")
    of_event = ForeignKeyConstraint(*_OF_EVENT)
    info = {"is_event_detail": is_dataset}
    return Table(name, metadata, company_column(), day, event, *columns, of_event, comment=comment, info=info)


def _person(comment: str = "who; see people") -> "Column[str]":
    return Column("person_id", Text, comment=f"{comment}; null where Sequel names nobody")


event_activity = _table(
    "event_activity",
    Column("person_id", Text, primary_key=True, comment="who registered or came; see people"),
    Column("entries", sa.BigInteger, nullable=False, comment="entries at Sequel that are this person: spellings of one e-mail are one, and what they did is added up"),
    Column("attended", sa.Boolean, comment="whether they were there live; null where Sequel does not say"),
    Column("viewed_replay", sa.Boolean, comment="whether they watched the replay; null where Sequel does not say"),
    Column("live_time_raw", Text, comment="the live time as Sequel sends it, its unit not stated; several entries joined by +"),
    Column("on_demand_time_raw", Text, comment="the time in the replay as Sequel sends it, its unit not stated; several entries joined by +"),
    Column("live_minutes", sa.BigInteger, comment="the live time in minutes: a plain number is taken for minutes (inferred), 750s or 12m for what they say; halves up"),
    Column("on_demand_minutes", sa.BigInteger, comment="the time in the replay in minutes, read likewise"),
    Column("live_percentage", sa.Double, comment="liveTimeSpentPercentage as Sequel sends it (of the event's length, 0 to 100)"),
    Column("on_demand_percentage", sa.Double, comment="onDemandTimeSpentPercentage as Sequel sends it (0 to 100)"),
    Column("average_live_view_time", sa.Double, comment="averageLiveViewTime as Sequel sends it, unit not stated; the largest of several entries"),
    Column("average_on_demand_view_time", sa.Double, comment="averageOnDemandViewTime as Sequel sends it, unit not stated; the largest of several entries"),
    Column("circles", sa.BigInteger, comment="networking circles that they joined"),
    Column("comments", sa.BigInteger, comment="comments that they wrote"),
    Column("polls", sa.BigInteger, comment="polls that they answered"),
    Column("questions", sa.BigInteger, comment="questions that they asked"),
    Column("messages_reactions", sa.BigInteger, comment="messages and reactions that they sent"),
    Column("lead_score", sa.Double, comment="leadScore as Sequel sends it; the largest of several entries"),
    Column("raw_lead_score", sa.Double, comment="rawLeadScore as Sequel sends it; the largest of several entries"),
    Column("lead_status", Text, info=PERSONAL, comment="personal: leadStatus as Sequel spells it; of several entries the latest"),
    Column("engagement_score", sa.Double, comment="engagementScore as Sequel sends it; the largest of several entries"),
    Column("registered_at", UtcDateTime, comment="when they registered; the earliest of several entries"),
    Column("updated_at", UtcDateTime, comment="updatedOn: when Sequel last changed the entry; the latest of several"),
    *never_negative("entries", "circles", "comments", "polls", "questions", "messages_reactions", "live_minutes", "on_demand_minutes"),
    comment="What Sequel says of each person in an event: registered, came, watched, asked, answered, scored",
)  # fmt: skip

activity_totals = _table(
    "activity_totals",
    Column("total_count", sa.BigInteger, nullable=False, comment="totalCount: the entries of the event that Sequel promised, all of them fetched"),
    Column("counted_at", UtcDateTime, nullable=False, comment="top of the hour that the fetch covers at least"),
    *never_negative("total_count"),
    comment="What event_activity was verified against: an event's number of entries by Sequel's own count",
    is_dataset=False,
)  # fmt: skip

polls = _table(
    "polls",
    Column("poll_id", Text, primary_key=True, comment="the poll's id at Sequel, unique within its event"),
    Column("position", sa.BigInteger, nullable=False, comment="place among the event's polls as Sequel lists them, from 1"),
    Column("question", Text, nullable=False, comment="what was asked"),
    *never_negative("position"),
    comment="The polls of an event",
)  # fmt: skip

poll_options = _table(
    "poll_options",
    Column("poll_id", Text, primary_key=True, comment="the poll"),
    Column("option_id", Text, primary_key=True, comment="the option's id, unique within its poll"),
    Column("position", sa.BigInteger, nullable=False, comment="place among the poll's options as Sequel lists them, from 1"),
    Column("text", Text, nullable=False, comment="what can be chosen"),
    *never_negative("position"),
    comment="What can be chosen in each poll",
)  # fmt: skip

poll_answers = _table(
    "poll_answers",
    Column("poll_id", Text, primary_key=True, comment="the poll"),
    Column("position", sa.BigInteger, primary_key=True, autoincrement=False, comment="place among the poll's answers in order of time, from 1"),
    _person("who answered; see people"),
    Column("option_id", Text, nullable=False, comment="the option that was chosen; empty where the poll has no such option: what was sent is in answer_text"),
    Column("is_listed_option", sa.Boolean, nullable=False, comment="false where the poll has no such option: kept, and to be counted with care"),
    Column("answered_at", UtcDateTime, comment="when; null where Sequel does not say"),
    Column("answer_text", Text, info=PERSONAL, comment="personal: what was sent where the poll has no such option, such as an answer in one's own words; else null"),
    *never_negative("position"),
    comment="Who chose what in each poll",
)  # fmt: skip

questions = _table(
    "questions",
    Column("question_id", Text, primary_key=True, comment="the question's id at Sequel, unique within its event"),
    _person("who asked; see people"),
    Column("text", Text, nullable=False, info=PERSONAL, comment="personal: what was asked"),
    Column("asked_at", UtcDateTime, comment="when; null where Sequel does not say"),
    Column("answer", Text, info=PERSONAL, comment="personal: the answer; null where there is none"),
    Column("answered_at", UtcDateTime, comment="when it was answered; null where it was not, or Sequel does not say"),
    Column("upvotes", sa.BigInteger, comment="how many voted for it; null where Sequel does not say"),
    *never_negative("upvotes"),
    comment="The questions of an event's audience",
)  # fmt: skip

chat_messages = _table(
    "chat_messages",
    Column("message_id", Text, primary_key=True, comment="the message's id at Sequel, unique within its event"),
    Column("position", sa.BigInteger, nullable=False, comment="place in the transcript in order of time, from 1; where times are equal or missing, as Sequel lists them"),
    _person("who wrote; see people"),
    Column("text", Text, nullable=False, info=PERSONAL, comment="personal: what was written; NUL and lone surrogates, which no database holds, are U+FFFD"),
    Column("sent_at", UtcDateTime, comment="when; null where Sequel does not say"),
    *never_negative("position"),
    comment="The chat of an event: the transcript in order",
)  # fmt: skip

reactions = _table(
    "reactions",
    Column("emoji", Text, primary_key=True, comment="the emoji, of however many code points; U+FFFD for what is a text and no emoji"),
    Column("minute", sa.BigInteger, primary_key=True, autoincrement=False, comment="minute of the event, from its start; -1 where Sequel does not say"),
    Column("count", sa.BigInteger, nullable=False, comment="how often it was sent in that minute"),
    *never_negative("count"),
    comment="How often each emoji was sent in each minute of an event",
)  # fmt: skip

replays = _table(
    "replays",
    Column("position", sa.BigInteger, primary_key=True, autoincrement=False, comment="place among the event's recordings as Sequel lists them, from 1"),
    Column("is_available", sa.Boolean, nullable=False, comment="whether Sequel gives an address to watch it; the address itself may be a secret and is not kept"),
    Column("is_downloadable", sa.Boolean, nullable=False, comment="whether Sequel gives an address to download it; not kept either"),
    Column("download_status", Text, comment="downloadStatus as Sequel spells it"),
    Column("is_custom", sa.Boolean, comment="whether it was uploaded instead of recorded; null where Sequel does not say"),
    *never_negative("position"),
    comment="The recordings of an event",
)  # fmt: skip

OF_EVENTS: tuple[Table, ...] = tuple(table for table in metadata.tables.values() if table.info.get("is_event_detail"))
"""The datasets of the details of events, kept by the day on which the event starts."""
