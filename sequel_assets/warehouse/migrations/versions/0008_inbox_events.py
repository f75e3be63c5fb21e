"""What the inbox says of an event is found without reading all of it."""

from alembic import op

revision = '0008'
down_revision = '0007'


def upgrade() -> None:
    op.create_index('ix_inbox_event', 'inbox', ['event_id', 'event_type'], unique=False)
