"""Usage without those who host."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'


def upgrade() -> None:
    op.create_table('audience_usage',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('live_minutes', sa.BigInteger(), nullable=True, comment='minutes engaged live in stage events by people who do not host them; null where the hosts of an event of the day are not known'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=True, comment='minutes engaged on demand, likewise; null where the hosts of an event of the day are not known'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=True, comment="minutes engaged, each person's minute counted once, likewise; null where the hosts of an event of the day are not known"),
    sa.Column('unique_users', sa.BigInteger(), nullable=True, comment='distinct people with such a minute that day; not additive, never sum it; null where the hosts of an event of the day are not known'),
    sa.Column('average_engaged_minutes', sa.Numeric(precision=14, scale=2, asdecimal=False), nullable=True, comment='engaged_minutes / unique_users, two decimals, halves up; null when nobody came, and null where the hosts of an event of the day are not known'),
    sa.Column('host_minutes', sa.BigInteger(), nullable=True, comment='minutes engaged by people in stage events that they host: with engaged_minutes all of that day; null where the hosts of an event of the day are not known'),
    sa.Column('events', sa.BigInteger(), nullable=False, comment='stage events with at least one engaged minute, by anybody'),
    sa.Column('events_with_unknown_hosts', sa.BigInteger(), nullable=False, comment='of them those whose hosts Sequel does not all name by an e-mail: somebody of their audience may be one'),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_audience_usage_engaged_minutes')),
    sa.CheckConstraint('events >= 0', name=op.f('ck_audience_usage_events')),
    sa.CheckConstraint('events_with_unknown_hosts >= 0', name=op.f('ck_audience_usage_events_with_unknown_hosts')),
    sa.CheckConstraint('host_minutes >= 0', name=op.f('ck_audience_usage_host_minutes')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_audience_usage_live_minutes')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_audience_usage_on_demand_minutes')),
    sa.CheckConstraint('unique_users >= 0', name=op.f('ck_audience_usage_unique_users')),
    sa.PrimaryKeyConstraint('company_id', 'day', name=op.f('pk_audience_usage')),
    comment="A company's usage of stage events on a day without those who organize or present them"
    )
