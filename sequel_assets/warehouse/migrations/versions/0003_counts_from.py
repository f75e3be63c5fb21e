"""`lifetime_usage` says from which day it counts. It is derived, so it is made anew, empty; the next refresh fills it."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    op.drop_table('lifetime_usage')
    op.create_table('lifetime_usage',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_type', sa.Text(), nullable=False, comment='virtualStageEvent, networkingHub, or all'),
    sa.Column('live_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged live (person x minute); all minutes of a hub are live; from counts_from to this day'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged on demand, in the replay (person x minute); from counts_from to this day'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=False, comment="minutes engaged, each person's minute counted once though it may have been live and on demand; from counts_from to this day"),
    sa.Column('unique_users', sa.BigInteger(), nullable=False, comment='distinct people with a minute from counts_from to this day; not additive, never sum it'),
    sa.Column('events', sa.BigInteger(), nullable=False, comment='events with at least one engaged minute from counts_from to this day; a hub is one'),
    sa.Column('first_day', sa.Date(), nullable=False, comment='first day with a minute in this scope, not before counts_from'),
    sa.Column('counts_from', sa.Date(), nullable=False, comment='first day that is counted: SEQUEL_START_DATE, or the day after the last one that Sequel forgot before it was known; nothing from before it is in these numbers'),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_lifetime_usage_engaged_minutes')),
    sa.CheckConstraint('events >= 0', name=op.f('ck_lifetime_usage_events')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_lifetime_usage_live_minutes')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_lifetime_usage_on_demand_minutes')),
    sa.CheckConstraint('unique_users >= 0', name=op.f('ck_lifetime_usage_unique_users')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_type', name=op.f('pk_lifetime_usage')),
    comment="A company's usage from the day counts_from to the end of each day, in all and by event type"
    )
    op.execute("DELETE FROM refreshes WHERE dataset = 'lifetime_usage'")
