"""Webhooks: the subscriptions at Sequel, and the inbox of what they delivered."""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.create_table('inbox',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False, comment='counts the hints in the order of their commits; never used twice'),
    sa.Column('received_at', UtcDateTime(), nullable=False, comment='when it was received'),
    sa.Column('capability_hash', sa.Text(), nullable=False, comment='the subscription that it came by; see subscriptions'),
    sa.Column('subscription_id', sa.Text(), nullable=True, comment='webHookSubscriptionId; null while Sequel has not told it'),
    sa.Column('delivery_key', sa.Text(), nullable=False, comment="what a repetition is known by: the invocation's id, the event's and the page, or the body's hash where there is no id"),
    sa.Column('invocation_id', sa.Text(), nullable=True, comment='webHookInvocationId; null where the delivery has none'),
    sa.Column('correlation_id', sa.Text(), nullable=True, comment='correlationId; the batches of one ended event share it'),
    sa.Column('event_type', sa.Text(), nullable=False, comment='the type of webhook, as Sequel spells it'),
    sa.Column('event_id', sa.Text(), nullable=True, comment='the event that it is about; null where the delivery names none'),
    sa.Column('sent_at', UtcDateTime(), nullable=True, comment="the delivery's own time stamp"),
    sa.Column('page', sa.Integer(), nullable=True, comment='which batch of an ended event this is, from 1; null where it is not batched'),
    sa.Column('pages', sa.Integer(), nullable=True, comment='how many batches there are; null where that is not told'),
    sa.Column('body_sha256', sa.Text(), nullable=False, comment="SHA-256 (hex) of the delivery's body"),
    sa.Column('verdict', sa.Text(), nullable=False, comment="accepted; unknown_company: the company was not in companies when it was received; missed: nothing was delivered, the sweep noticed that the event's planned end has passed"),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False, comment='runs that took it up since anything came of it'),
    sa.Column('tried_at', UtcDateTime(), nullable=True, comment='when a run last took it up'),
    sa.Column('refreshed_at', UtcDateTime(), nullable=True, comment='when what it asks for at once was done'),
    sa.Column('replayed_at', UtcDateTime(), nullable=True, comment='when it was put back; null: never'),
    sa.Column('handled_at', UtcDateTime(), nullable=True, comment='when it was done with; null: it is waiting'),
    sa.Column('run_id', sa.Text(), nullable=True, comment='the Dagster run that took it up last'),
    sa.Column('outcome', sa.Text(), nullable=True, comment='what became of it, in words'),
    sa.CheckConstraint('page >= 0', name=op.f('ck_inbox_page')),
    sa.CheckConstraint('pages >= 0', name=op.f('ck_inbox_pages')),
    sa.CheckConstraint('tries >= 0', name=op.f('ck_inbox_tries')),
    sa.PrimaryKeyConstraint('company_id', 'id', name=op.f('pk_inbox')),
    sa.UniqueConstraint('company_id', 'capability_hash', 'delivery_key', name=op.f('uq_inbox_company_id')),
    comment='Webhook deliveries that were accepted (and ends that were missed), one row each: hints, never data'
    )
    op.create_index('ix_inbox_event', 'inbox', ['event_id', 'event_type'], unique=False)
    op.create_index('ix_inbox_id', 'inbox', ['id'], unique=False)
    op.create_index('ix_inbox_waiting', 'inbox', ['id'], unique=False, sqlite_where=sa.text('handled_at IS NULL'), postgresql_where=sa.text('handled_at IS NULL'))
    op.create_table('subscriptions',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('capability_hash', sa.Text(), nullable=False, comment="SHA-256 (hex) of the secret last part of this subscription's address; the part itself is not kept"),
    sa.Column('event_type', sa.Text(), nullable=False, comment='the type of webhook that it delivers, as Sequel spells it'),
    sa.Column('subscription_id', sa.Text(), nullable=True, comment='webHookSubscriptionId; null until Sequel has answered'),
    sa.Column('event_id', sa.Text(), nullable=True, comment='the one event that it delivers of; null: all of the company and of those beneath it'),
    sa.Column('sealed_secret', sa.Text(), nullable=True, comment='the key that deliveries carry, encrypted; null until Sequel has told it'),
    sa.Column('sealed_previous_secret', sa.Text(), nullable=True, comment='the key before it, encrypted; accepted until previous_until'),
    sa.Column('previous_until', UtcDateTime(), nullable=True, comment='until when the key before is accepted'),
    sa.Column('rotating_since', UtcDateTime(), nullable=True, comment='while set the key is being changed, and one that is not known is in doubt, not wrong'),
    sa.Column('expires_at', UtcDateTime(), nullable=True, comment='when it lapses at Sequel'),
    sa.Column('created_at', UtcDateTime(), nullable=False, comment='when its address was made, before Sequel was asked'),
    sa.Column('checked_at', UtcDateTime(), nullable=True, comment='when Sequel was last asked about it'),
    sa.Column('ended_at', UtcDateTime(), nullable=True, comment='when it was deleted or replaced; one that was replaced is answered until previous_until'),
    sa.PrimaryKeyConstraint('company_id', 'capability_hash', name=op.f('pk_subscriptions')),
    comment='Webhook subscriptions at Sequel, each with an address of its own'
    )
    op.create_index('ix_subscriptions_capability_hash', 'subscriptions', ['capability_hash'], unique=False)
