"""What was learned about how Sequel answers the account; a table of its own, empty until `sequel-assets doctor` has run."""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0015'
down_revision = '0014'


def upgrade() -> None:
    op.create_table('api_profile',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the root company's uid at Sequel, SEQUEL_COMPANY_ID"),
    sa.Column('fact', sa.Text(), nullable=False, comment='analytics_url, end_date, list_cap or activity_unit, which change how Sequel is requested; engagement_type, dates, totals, days or concurrency, for which numbers cannot be had'),
    sa.Column('value', sa.Text(), nullable=False, comment='what was learned: an address, excluded, a number of rows, or in which way the fact is not as documented'),
    sa.Column('learned_at', UtcDateTime(), nullable=False, comment='when it was learned'),
    sa.Column('learned_by', sa.Text(), nullable=False, comment='the command that learned it, with its release'),
    sa.PrimaryKeyConstraint('company_id', 'fact', name=op.f('pk_api_profile')),
    comment='How Sequel answers this account where that is not as documented or assumed: refreshes request by it'
    )
