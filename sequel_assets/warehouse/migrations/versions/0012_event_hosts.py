"""Who organizes and presents each event."""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0012'
down_revision = '0011'


def upgrade() -> None:
    op.create_table('event_hosts',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the stage event's uid"),
    sa.Column('person_id', sa.Text(), nullable=False, comment="who; see people. Of the e-mail, as everywhere; of somebody named by an id alone of that id, which is nobody's in another table"),
    sa.Column('role', sa.Text(), nullable=False, comment='organizer or presenter; somebody who is both has two rows'),
    sa.Column('has_email', sa.Boolean(), nullable=False, comment='whether Sequel names them by an e-mail; without one nobody in the audience is known to be them'),
    sa.Column('first_seen_at', UtcDateTime(), nullable=False, comment='when they were first found in this role of the event'),
    sa.ForeignKeyConstraint(['company_id', 'event_id'], ['events.company_id', 'events.event_id'], name=op.f('fk_event_hosts_events')),
    sa.PrimaryKeyConstraint('company_id', 'event_id', 'person_id', 'role', name=op.f('pk_event_hosts')),
    comment="Who organizes and presents an event, as its company's list of events names them"
    )
    op.create_table('event_host_counts',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the stage event's uid"),
    sa.Column('organizers', sa.BigInteger(), nullable=True, comment='how many entries of organizers name somebody; null where Sequel has no organizers, which is not nobody'),
    sa.Column('presenters', sa.BigInteger(), nullable=True, comment='how many entries of presenters name somebody; null likewise'),
    sa.Column('by_id', sa.BigInteger(), nullable=False, comment='of them those that are named by an id alone'),
    sa.Column('unknown', sa.BigInteger(), nullable=False, comment='entries of both that are neither an e-mail nor an id nor an object with one of them; they are in no row of event_hosts'),
    sa.CheckConstraint('by_id >= 0', name=op.f('ck_event_host_counts_by_id')),
    sa.CheckConstraint('organizers >= 0', name=op.f('ck_event_host_counts_organizers')),
    sa.CheckConstraint('presenters >= 0', name=op.f('ck_event_host_counts_presenters')),
    sa.CheckConstraint('unknown >= 0', name=op.f('ck_event_host_counts_unknown')),
    sa.ForeignKeyConstraint(['company_id', 'event_id'], ['events.company_id', 'events.event_id'], name=op.f('fk_event_host_counts_events')),
    sa.PrimaryKeyConstraint('company_id', 'event_id', name=op.f('pk_event_host_counts')),
    comment='How many hosts an event has, and of how many of them it is not known who they are'
    )
