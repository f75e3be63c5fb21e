"""The requests to Sequel that each process may have under way, and what Sequel last said about asking too much.

Nothing changes for who queries: two small tables come in addition.
"""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0019'
down_revision = '0018'


def upgrade() -> None:
    op.create_table('request_places',
    sa.Column('holder', sa.Text(), nullable=False, comment='random id of a process that asks Sequel'),
    sa.Column('host', sa.Text(), nullable=False, comment='the host that it runs on, and which of its processes it is'),
    sa.Column('companies', sa.BigInteger(), nullable=False, comment='companies that it works on: its weight where places are divided'),
    sa.Column('wanted', sa.BigInteger(), nullable=False, comment='most requests that it had under way or waiting since it last renewed its lease'),
    sa.Column('places', sa.BigInteger(), nullable=False, comment='requests that it may have under way; over all processes never more than SEQUEL_MAX_CONCURRENCY'),
    sa.Column('expires_at', UtcDateTime(), nullable=False, comment="when its places go to others unless it renews its lease, by the database's clock"),
    sa.CheckConstraint('companies >= 0', name=op.f('ck_request_places_companies')),
    sa.CheckConstraint('places >= 0', name=op.f('ck_request_places_places')),
    sa.CheckConstraint('wanted >= 0', name=op.f('ck_request_places_wanted')),
    sa.PrimaryKeyConstraint('holder', name=op.f('pk_request_places')),
    comment='The requests to Sequel that each process may have under way now; rows come and go with the processes'
    )
    op.create_table('request_throttle',
    sa.Column('account', sa.BigInteger(), autoincrement=False, nullable=False, comment='1: there is one account'),
    sa.Column('times', sa.BigInteger(), nullable=False, comment='how often Sequel answered 429, bursts counted once'),
    sa.Column('paused_until', UtcDateTime(), nullable=True, comment="until when no process asks anything (Retry-After), by the database's clock"),
    sa.PrimaryKeyConstraint('account', name=op.f('pk_request_throttle')),
    comment='What Sequel last said about asking too much; every process slows down by it'
    )
