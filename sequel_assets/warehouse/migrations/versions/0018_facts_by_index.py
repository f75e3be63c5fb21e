"""Indexes by which the minutes of a person, or of an event, before a day are found without reading those of all others.

Nothing changes for people who query.
"""

from alembic import op

revision = '0018'
down_revision = '0017'


def upgrade() -> None:
    op.drop_index('ix_event_participants_person', table_name='event_participants')
    op.create_index('ix_event_participants_person', 'event_participants', ['company_id', 'person_id', 'day'], unique=False)
    op.create_index('ix_event_participants_event', 'event_participants', ['company_id', 'event_id', 'day'], unique=False)
    op.create_index('ix_event_concurrency_event', 'event_concurrency', ['company_id', 'event_id', 'day'], unique=False)
