"""Usage beyond the people that Sequel lists, where it caps its lists: a table, and a column that says where it is counted.

Nothing changes for warehouses without such lists: the table is empty, and the column is false.
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
BEYOND = 'that Sequel counts beyond the people of this event and day in event_participants'
LOWER_BOUND = 'true where Sequel counts people beyond those that it lists: minutes include theirs, and each number of people here is a lower bound'
BEFORE = '; in the range compared with, null where that lies before the history'
AVERAGE = 'engaged_minutes / unique_users, two decimals, halves up; null when nobody came, and where has_unlisted_people'
TABLES = ('daily_usage', 'lifetime_usage', 'company_rollup', 'event_statistics', 'networking', 'usage_comparison')
COMMENTS = {
    ('daily_usage', 'average_engaged_minutes'): AVERAGE,
    ('company_rollup', 'average_engaged_minutes'): AVERAGE,
    ('event_statistics', 'average_engaged_minutes'): AVERAGE,
    ('usage_comparison', 'average_engaged_minutes'): AVERAGE,
    ('usage_comparison', 'before_average_engaged_minutes'): AVERAGE + BEFORE,
    ('usage_comparison', 'unique_users_change'): 'change of unique_users in percent, two decimals; also null where the ranges are of unlike length: people are not so many a day, and where one of them has_unlisted_people; null where one of the two ranges is incomplete, or there was nothing before',
    ('networking', 'average_minutes'): 'minutes / people, two decimals, halves up; null where has_unlisted_people',
    ('audience_usage', 'events_with_unknown_hosts'): 'of them those whose hosts Sequel does not all name by an e-mail, and those with people beyond its lists: somebody of their audience may be one',
}


def upgrade() -> None:
    op.create_table('unlisted_usage',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the event's uid, or the hub's"),
    sa.Column('event_type', sa.Text(), nullable=False, comment='virtualStageEvent or networkingHub'),
    sa.Column('live_minutes', sa.BigInteger(), nullable=False, comment=f'live minutes {BEYOND}'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=False, comment=f'on-demand minutes {BEYOND}'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=False, comment=f'engaged minutes {BEYOND}'),
    sa.Column('live_users', sa.BigInteger(), nullable=False, comment=f'users with a live minute {BEYOND}'),
    sa.Column('on_demand_users', sa.BigInteger(), nullable=False, comment=f'users with an on-demand minute {BEYOND}'),
    sa.Column('engaged_users', sa.BigInteger(), nullable=False, comment=f'users with a minute {BEYOND}; on several days or in several events the same user may be counted several times'),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_unlisted_usage_engaged_minutes')),
    sa.CheckConstraint('engaged_users >= 0', name=op.f('ck_unlisted_usage_engaged_users')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_unlisted_usage_live_minutes')),
    sa.CheckConstraint('live_users >= 0', name=op.f('ck_unlisted_usage_live_users')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_unlisted_usage_on_demand_minutes')),
    sa.CheckConstraint('on_demand_users >= 0', name=op.f('ck_unlisted_usage_on_demand_users')),
    sa.ForeignKeyConstraint(['company_id', 'event_id'], ['events.company_id', 'events.event_id'], name=op.f('fk_unlisted_usage_events')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_id', name=op.f('pk_unlisted_usage')),
    comment='Usage beyond the lists of participants where Sequel caps them: minutes are complete with it, numbers of people are lower bounds'
    )
    for table in TABLES:
        op.add_column(table, sa.Column('has_unlisted_people', sa.Boolean(), server_default=sa.false(), nullable=False, comment=LOWER_BOUND))
    op.add_column('usage_comparison', sa.Column('before_has_unlisted_people', sa.Boolean(), nullable=True, comment=LOWER_BOUND + BEFORE))
    comparison = sa.table('usage_comparison', sa.column('before_live_minutes'), sa.column('before_has_unlisted_people', sa.Boolean()))
    op.execute(comparison.update().where(comparison.c.before_live_minutes.is_not(None)).values(before_has_unlisted_people=sa.false()))
    if op.get_bind().dialect.name == 'postgresql':  # SQLite stores no comments
        for (table, column), comment in COMMENTS.items():
            op.alter_column(table, column, comment=comment)
