"""The tables of the webhooks: what is subscribed to at Sequel, and what was delivered.

Neither holds a payload, a name, an e-mail, a capability or a readable key.
"""

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text

from sequel_assets.warehouse.tables.core import company_column, metadata, never_negative
from sequel_assets.warehouse.tables.types import UtcDateTime

subscriptions = Table(
    "subscriptions",
    metadata,
    company_column(),
    Column("capability_hash", Text, primary_key=True,
           comment="SHA-256 (hex) of the secret last part of this subscription's address; the part itself is not kept"),
    Column("event_type", Text, nullable=False, comment="the type of webhook that it delivers, as Sequel spells it"),
    Column("subscription_id", Text, comment="webHookSubscriptionId; null until Sequel has answered"),
    Column("event_id", Text, comment="the one event that it delivers of; null: all of the company and of its sub-companies"),
    Column("sealed_secret", Text, comment="the key that deliveries carry, encrypted; null until Sequel has sent it"),
    Column("sealed_previous_secret", Text, comment="the key before it, encrypted; accepted until previous_until"),
    Column("previous_until", UtcDateTime, comment="until when the key before is accepted"),
    Column("rotating_since", UtcDateTime, comment="while set the key is being changed, and one that is not known is in doubt, not wrong"),
    Column("expires_at", UtcDateTime, comment="when it lapses at Sequel"),
    Column("created_at", UtcDateTime, nullable=False, comment="when its address was made, before Sequel was asked"),
    Column("checked_at", UtcDateTime, comment="when Sequel was last asked about it"),
    Column("ended_at", UtcDateTime, comment="when it was deleted or replaced; one that was replaced is answered until previous_until"),
    Index("ix_subscriptions_capability_hash", "capability_hash"),
    comment="Webhook subscriptions at Sequel, each with an address of its own",
)  # fmt: skip

inbox = Table(
    "inbox",
    metadata,
    company_column(),
    Column("id", sa.BigInteger, primary_key=True, autoincrement=False,
           comment="counts the notifications in the order of their commits; never used twice"),
    Column("received_at", UtcDateTime, nullable=False, comment="when it was received"),
    Column("capability_hash", Text, nullable=False, comment="the subscription that it came by; see subscriptions"),
    Column("subscription_id", Text, comment="webHookSubscriptionId; null until Sequel has sent it"),
    Column("delivery_key", Text, nullable=False,
           comment="what a repetition is known by: the invocation's id, the event's and the page, or the body's hash where there is no id"),
    Column("invocation_id", Text, comment="webHookInvocationId; null where the delivery has none"),
    Column("correlation_id", Text, comment="correlationId; the batches of one ended event share it"),
    Column("event_type", Text, nullable=False, comment="the type of webhook, as Sequel spells it"),
    Column("event_id", Text, comment="the event that it is about; null where the delivery names none"),
    Column("sent_at", UtcDateTime, comment="the delivery's own time stamp"),
    Column("page", sa.Integer, comment="which batch of an ended event this is, from 1; null where it is not batched"),
    Column("pages", sa.Integer, comment="how many batches there are; null where it does not say"),
    Column("body_sha256", Text, nullable=False, comment="SHA-256 (hex) of the delivery's body"),
    Column("verdict", Text, nullable=False,
           comment="accepted; unknown_company: the company was not in companies when it was received; "
           "missed: nothing was delivered, the sweep noticed that the event's planned end has passed"),
    Column("tries", sa.Integer, nullable=False, server_default="0",
           comment="runs that took it up since anything came of it"),
    Column("tried_at", UtcDateTime, comment="when a run last took it up"),
    Column("refreshed_at", UtcDateTime, comment="when what it asks for at once was done"),
    Column("replayed_at", UtcDateTime, comment="when it was put back; null: never"),
    Column("handled_at", UtcDateTime, comment="when it was done with; null: it is waiting"),
    Column("run_id", Text, comment="the Dagster run that took it up last"),
    Column("outcome", Text, comment="what became of it, in words"),
    sa.UniqueConstraint("company_id", "capability_hash", "delivery_key"),
    Index("ix_inbox_id", "id"),
    Index("ix_inbox_event", "event_id", "event_type"),
    *never_negative("page", "pages", "tries"),
    comment="Webhook deliveries that were accepted (and ends that were not delivered), one row each: notifications, never data",
)  # fmt: skip
Index(
    "ix_inbox_waiting",
    inbox.c.id,
    sqlite_where=inbox.c.handled_at.is_(None),
    postgresql_where=inbox.c.handled_at.is_(None),
)
