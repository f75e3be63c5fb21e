"""`problems` says what kind each row is: until now the reason, the event or the day told what is still to be done apart.

The rows that are there get their kind by the marks of the older release. A company whose sub-companies are not known had a
name in place of an event, which it does not need any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
NO_DAY = "'0001-01-01'"
KINDS = {
    'request': "reason LIKE 'to be asked again%'",
    'pending': f"dataset IN ('event_participants', 'event_concurrency') AND day = {NO_DAY} AND event_id <> ''",
    'list_cap': f"dataset = 'events' AND day <> {NO_DAY} AND event_id <> ''",
    'unknown_children': f"dataset = 'companies' AND day = {NO_DAY} AND event_id IN ('(sub-companies)', '(more)')",
}


def upgrade() -> None:
    op.add_column('problems', sa.Column('kind', sa.Text(), server_default='problem', nullable=False, comment='problem: it could not be refreshed; request: the slice is requested once more, even if it is final; pending: what a refresh has noted to do and not done yet; list_cap: an event that the list of events hides; unknown_children: a company whose sub-companies were never listed, so no roll-up is written over it'))
    for kind, chosen in KINDS.items():
        op.execute(f"UPDATE problems SET kind = '{kind}' WHERE kind = 'problem' AND {chosen}")  # noqa: S608 - constants of this file
    op.execute("UPDATE problems SET event_id = '' WHERE kind = 'unknown_children'")
    if op.get_bind().dialect.name == 'postgresql':
        op.create_table_comment('problems', 'What could not be refreshed, and what is still to be done, until it is')
