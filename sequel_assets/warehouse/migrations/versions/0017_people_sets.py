"""The people of each event's day as sets of numbers, by which people are counted over any range.

Nothing changes for who queries: two tables and a column of `refreshes` come in addition, filled from the facts that are stored.
"""

from itertools import groupby

import sqlalchemy as sa
from alembic import op
from pyroaring import BitMap

revision = '0017'
down_revision = '0016'
SET = 'roaring bitmap (portable format) of the person_numbers.number of everybody with '
AT_ONCE = 5_000


def upgrade() -> None:
    op.create_table('person_numbers',
    sa.Column('number', sa.Integer(), sa.Identity(), nullable=False, comment="the person's number in this warehouse, from 1 on; never given twice"),
    sa.Column('person_id', sa.Text(), nullable=False, comment='the person; see people'),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_person_numbers')),
    sa.UniqueConstraint('person_id', name=op.f('uq_person_numbers_person_id')),
    comment='A small number for each person with a minute, the same in every company: what sets of people are made of',
    sqlite_autoincrement=True
    )
    op.create_table('event_day_people',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the event's uid, or the hub's"),
    sa.Column('event_type', sa.Text(), nullable=False, comment='virtualStageEvent or networkingHub'),
    sa.Column('live_minutes', sa.BigInteger(), nullable=False, comment='sum over the listed people: minutes engaged live (person x minute); all minutes of a hub are live'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=False, comment='sum over the listed people: minutes engaged on demand, in the replay (person x minute)'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=False, comment="sum over the listed people: minutes engaged, each person's minute counted once though it may have been live and on demand"),
    sa.Column('live_people', sa.LargeBinary(), nullable=False, comment=SET + 'a live minute'),
    sa.Column('on_demand_people', sa.LargeBinary(), nullable=False, comment=SET + 'an on-demand minute'),
    sa.Column('engaged_people', sa.LargeBinary(), nullable=False, comment=SET + 'an engaged minute'),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_event_day_people_engaged_minutes')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_event_day_people_live_minutes')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_event_day_people_on_demand_minutes')),
    sa.ForeignKeyConstraint(['company_id', 'event_id'], ['events.company_id', 'events.event_id'], name=op.f('fk_event_day_people_events')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_id', name=op.f('pk_event_day_people')),
    comment='Minutes and sets of people of each event\'s day, by which people are counted over any range of days and companies'
    )
    op.add_column('refreshes', sa.Column('people_checksum', sa.Text(), nullable=True, comment='for event_participants: the checksum of the rows that event_day_people was made from; where it is not `checksum`, people are counted from the facts'))
    connection = op.get_bind()
    connection.execute(sa.text('INSERT INTO person_numbers (person_id) SELECT DISTINCT person_id FROM event_participants'))
    for company_id in connection.execute(sa.text('SELECT DISTINCT company_id FROM event_participants')).scalars().all():
        fill(connection, company_id)
    connection.execute(sa.text("UPDATE refreshes SET people_checksum = checksum WHERE dataset = 'event_participants'"))


def fill(connection: sa.Connection, company_id: str) -> None:
    """Make the sets of a company from its facts, some thousand events' days at a time."""
    minutes = ('live_minutes', 'on_demand_minutes', 'engaged_minutes')
    facts = sa.table('event_participants', *map(sa.column, ('company_id', 'event_id', 'person_id', 'event_type', *minutes)), sa.column('day', sa.Date()))
    numbers = sa.table('person_numbers', sa.column('number'), sa.column('person_id'))
    people = sa.table('event_day_people', *map(sa.column, ('company_id', 'event_id', 'event_type', *minutes)), sa.column('day', sa.Date()),
                      *(sa.column(name, sa.LargeBinary()) for name in ('live_people', 'on_demand_people', 'engaged_people')))
    f = facts.c
    query = (
        sa.select(f.day, f.event_id, f.event_type, numbers.c.number, *(f[name] for name in minutes))
        .join_from(facts, numbers, numbers.c.person_id == f.person_id)
        .where(f.company_id == company_id)
        .order_by(f.day, f.event_id)
    )
    found: list[dict[str, object]] = []
    with connection.execute(query, execution_options={'yield_per': AT_ONCE}) as rows:
        for (day, event_id, event_type), each in groupby(rows, key=lambda row: tuple(row[:3])):
            row: dict[str, object] = {'company_id': company_id, 'day': day, 'event_id': event_id, 'event_type': event_type}
            persons = list(each)
            for place, name in enumerate(minutes, start=4):
                row[name] = sum(int(one[place]) for one in persons)
                row[name.replace('_minutes', '_people')] = BitMap(one[3] for one in persons if one[place] > 0).serialize()
            found.append(row)
    for first in range(0, len(found), AT_ONCE):
        connection.execute(people.insert(), found[first:first + AT_ONCE])
