"""The empty past of events is remembered."""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table('silences',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the event's uid, or the hub's"),
    sa.Column('first_day', sa.Date(), nullable=False, comment='first UTC day of the stretch'),
    sa.Column('last_day', sa.Date(), nullable=False, comment='last UTC day of the stretch'),
    sa.Column('through', UtcDateTime(), nullable=False, comment="top of the hour that Sequel's answer covered at least; of stretches that were joined, the earliest"),
    sa.CheckConstraint('first_day <= last_day', name=op.f('ck_silences_days')),
    sa.PrimaryKeyConstraint('company_id', 'event_id', 'first_day', name=op.f('pk_silences')),
    comment='Stretches of days on which an event had no minutes when they were final: a backfill does not ask them again'
    )
