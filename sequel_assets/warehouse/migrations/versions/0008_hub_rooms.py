"""The rooms of networking hubs."""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0008'
down_revision = '0007'


def upgrade() -> None:
    op.create_table('hub_rooms',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the hub's uid"),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False, comment="place among the hub's rooms as Sequel lists them, from 1"),
    sa.Column('name', sa.Text(), nullable=False, comment="the room's name, trimmed; empty where Sequel gives none"),
    sa.Column('max_slots', sa.BigInteger(), nullable=True, comment='how many people have a place in the room (maxSlots); null where Sequel does not say'),
    sa.Column('first_seen_at', UtcDateTime(), nullable=False, comment='when the hub was first found to have a room at this place, whatever its name was'),
    sa.CheckConstraint('max_slots >= 0', name=op.f('ck_hub_rooms_max_slots')),
    sa.CheckConstraint('position >= 0', name=op.f('ck_hub_rooms_position')),
    sa.ForeignKeyConstraint(['company_id', 'event_id'], ['events.company_id', 'events.event_id'], name=op.f('fk_hub_rooms_events')),
    sa.PrimaryKeyConstraint('company_id', 'event_id', 'position', name=op.f('pk_hub_rooms')),
    comment='The rooms of a networking hub, as Sequel last told them'
    )
