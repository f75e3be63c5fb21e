"""The baseline: every table of the first release."""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table('companies',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('partition_key', sa.Text(), nullable=False, comment='key of the Dagster partition: slug of the first name, a dot, 8 hex digits'),
    sa.Column('name', sa.Text(), nullable=False, comment='name at Sequel, trimmed'),
    sa.Column('parent_company_id', sa.Text(), nullable=True, comment='the company directly above; null for the root'),
    sa.Column('depth', sa.Integer(), nullable=False, comment='steps beneath the root, which has 0'),
    sa.Column('first_seen_at', UtcDateTime(), nullable=False, comment='when it was first found in the tree'),
    sa.Column('last_seen_at', UtcDateTime(), nullable=False, comment='when it was last found in the tree'),
    sa.Column('gone_at', UtcDateTime(), nullable=True, comment='when Sequel answered 404 for it; its data are kept, nothing is asked'),
    sa.CheckConstraint('depth >= 0', name=op.f('ck_companies_depth')),
    sa.PrimaryKeyConstraint('company_id', name=op.f('pk_companies')),
    sa.UniqueConstraint('partition_key', name=op.f('uq_companies_partition_key')),
    comment='The parent and every sub-company beneath it'
    )
    op.create_table('daily_usage',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_type', sa.Text(), nullable=False, comment='virtualStageEvent, networkingHub, or all'),
    sa.Column('live_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged live (person x minute); all minutes of a hub are live'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged on demand, in the replay (person x minute)'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=False, comment="minutes engaged, each person's minute counted once though it may have been live and on demand"),
    sa.Column('unique_users', sa.BigInteger(), nullable=False, comment='distinct people with a minute that day; not additive, never sum it'),
    sa.Column('average_engaged_minutes', sa.Numeric(precision=14, scale=2, asdecimal=False), nullable=True, comment='engaged_minutes / unique_users, two decimals, halves up; null when nobody came'),
    sa.Column('events', sa.BigInteger(), nullable=False, comment='events with at least one engaged minute; a hub is one'),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_daily_usage_engaged_minutes')),
    sa.CheckConstraint('events >= 0', name=op.f('ck_daily_usage_events')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_daily_usage_live_minutes')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_daily_usage_on_demand_minutes')),
    sa.CheckConstraint('unique_users >= 0', name=op.f('ck_daily_usage_unique_users')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_type', name=op.f('pk_daily_usage')),
    comment="A company's usage on a day, in all and by event type"
    )
    op.create_table('exclusions',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('event_id', sa.Text(), nullable=False, comment='the event that is not asked any more'),
    sa.Column('reason', sa.Text(), nullable=False, comment='why its owner ruled it out'),
    sa.Column('since', UtcDateTime(), nullable=False, comment='when it was ruled out'),
    sa.PrimaryKeyConstraint('company_id', 'event_id', name=op.f('pk_exclusions')),
    comment='Events that their owner has ruled out: they are not asked, and the numbers say so'
    )
    op.create_table('lifetime_usage',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_type', sa.Text(), nullable=False, comment='virtualStageEvent, networkingHub, or all'),
    sa.Column('live_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged live (person x minute); all minutes of a hub are live; from the first day to this one'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged on demand, in the replay (person x minute); from the first day to this one'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=False, comment="minutes engaged, each person's minute counted once though it may have been live and on demand; from the first day to this one"),
    sa.Column('unique_users', sa.BigInteger(), nullable=False, comment='distinct people with a minute up to this day; not additive, never sum it'),
    sa.Column('events', sa.BigInteger(), nullable=False, comment='events with at least one engaged minute up to this day; a hub is one'),
    sa.Column('first_day', sa.Date(), nullable=False, comment='first day with a minute in this scope, not before SEQUEL_START_DATE'),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_lifetime_usage_engaged_minutes')),
    sa.CheckConstraint('events >= 0', name=op.f('ck_lifetime_usage_events')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_lifetime_usage_live_minutes')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_lifetime_usage_on_demand_minutes')),
    sa.CheckConstraint('unique_users >= 0', name=op.f('ck_lifetime_usage_unique_users')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_type', name=op.f('pk_lifetime_usage')),
    comment="A company's usage from the first day to the end of each day, in all and by event type"
    )
    op.create_table('peak_concurrency',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the stage event's uid; all = the company over all its events together"),
    sa.Column('peak_users', sa.BigInteger(), nullable=False, comment='highest number of concurrent users in any minute of the day'),
    sa.Column('peak_at', UtcDateTime(), nullable=False, comment='the earliest minute (UTC) with that number'),
    sa.CheckConstraint('peak_users >= 0', name=op.f('ck_peak_concurrency_peak_users')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_id', name=op.f('pk_peak_concurrency')),
    comment='The highest concurrency of each day, per event and per company'
    )
    op.create_table('people',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('person_id', sa.Text(), nullable=False, comment='keyed hash (HMAC-SHA-256, hex) of the e-mail, trimmed, NFC, lower-cased; without an e-mail of event and name'),
    sa.Column('email', sa.Text(), nullable=True, comment='personal: the e-mail, trimmed, NFC, lower-cased; null where the person gave none'),
    sa.Column('name', sa.Text(), nullable=False, comment='personal: the name, trimmed, as on the latest day it was seen'),
    sa.Column('external_id', sa.Text(), nullable=True, comment="the person's id in your own systems, once linked"),
    sa.Column('named_on', sa.Date(), nullable=False, comment='the day that the name was seen on'),
    sa.PrimaryKeyConstraint('company_id', 'person_id', name=op.f('pk_people')),
    comment='Who the people are: the one home of names and e-mails'
    )
    op.create_table('problems',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('dataset', sa.Text(), nullable=False, comment='the dataset concerned'),
    sa.Column('day', sa.Date(), nullable=False, comment="the slice's UTC day; 0001-01-01 where it has none"),
    sa.Column('event_id', sa.Text(), nullable=False, comment='the event concerned; empty where it is the slice as a whole'),
    sa.Column('reason', sa.Text(), nullable=False, comment='what is wrong and what to do, in one line, without personal data'),
    sa.Column('since', UtcDateTime(), nullable=False, comment='when it was first seen'),
    sa.PrimaryKeyConstraint('company_id', 'dataset', 'day', 'event_id', name=op.f('pk_problems')),
    comment='Slices that could not be refreshed, until they are mended'
    )
    op.create_table('proofs',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the event's uid, or the hub's"),
    sa.Column('live_users', sa.BigInteger(), nullable=False, comment='numberOfUsers that Sequel promised for live'),
    sa.Column('live_minutes', sa.BigInteger(), nullable=False, comment='totalEngagedMinutes that Sequel promised for live'),
    sa.Column('on_demand_users', sa.BigInteger(), nullable=False, comment='numberOfUsers that Sequel promised for onDemand'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=False, comment='totalEngagedMinutes that Sequel promised for onDemand'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=False, comment='totalEngagedMinutes of all: asked, or live + on demand where the range proved that none overlap'),
    sa.Column('data_through', UtcDateTime(), nullable=False, comment='top of the hour that these totals cover at least'),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_proofs_engaged_minutes')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_proofs_live_minutes')),
    sa.CheckConstraint('live_users >= 0', name=op.f('ck_proofs_live_users')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_proofs_on_demand_minutes')),
    sa.CheckConstraint('on_demand_users >= 0', name=op.f('ck_proofs_on_demand_users')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_id', name=op.f('pk_proofs')),
    comment="The totals that each event's day was checked against when it was fetched"
    )
    op.create_table('reconciliations',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the event or hub; empty for a company's own totals"),
    sa.Column('scope', sa.Text(), nullable=False, comment="range: the days kept here; all_time: everything that Sequel holds; before_start: of it, what lies before the history; lifetime_usage, usage, usage_by_day: a company's own totals by the endpoints that Sequel only names"),
    sa.Column('first_day', sa.Date(), nullable=True, comment='first day of the range; null where there is none'),
    sa.Column('last_day', sa.Date(), nullable=True, comment='last day of the range; null where there is none'),
    sa.Column('found_minutes', sa.BigInteger(), nullable=False, comment='sum of the engaged minutes kept here'),
    sa.Column('promised_minutes', sa.BigInteger(), nullable=False, comment='totalEngagedMinutes that Sequel tells'),
    sa.Column('verdict', sa.Text(), nullable=False, comment='equal, before_start (minutes of days before the history), differs, or skipped (no such endpoint)'),
    sa.Column('checked_at', UtcDateTime(), nullable=False, comment='when the patrol last asked'),
    sa.CheckConstraint('found_minutes >= 0', name=op.f('ck_reconciliations_found_minutes')),
    sa.CheckConstraint('promised_minutes >= 0', name=op.f('ck_reconciliations_promised_minutes')),
    sa.PrimaryKeyConstraint('company_id', 'event_id', 'scope', name=op.f('pk_reconciliations')),
    comment='What the daily patrol found: the sums kept here against the totals that Sequel tells now'
    )
    op.create_table('refreshes',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('dataset', sa.Text(), nullable=False, comment='the dataset (table) whose slice this is'),
    sa.Column('day', sa.Date(), nullable=False, comment="the slice's UTC day; 0001-01-01 where the dataset has no day"),
    sa.Column('refreshed_at', UtcDateTime(), nullable=False, comment='when the slice was last refreshed'),
    sa.Column('data_through', UtcDateTime(), nullable=True, comment='top of the hour that the numbers cover at least; null: only single events were asked so far'),
    sa.Column('full_through', UtcDateTime(), nullable=True, comment='the same for the last refresh that asked every event'),
    sa.Column('is_final', sa.Boolean(), nullable=False, comment="every event was asked at or after the day's end plus the late window"),
    sa.Column('rows', sa.BigInteger(), nullable=False, comment='rows of the slice'),
    sa.Column('checksum', sa.Text(), nullable=False, comment="SHA-256 over the slice's rows, whatever their order"),
    sa.Column('input_checksum', sa.Text(), nullable=True, comment='for a derived slice: checksum of the facts that it was derived from'),
    sa.Column('run_id', sa.Text(), nullable=True, comment='the Dagster run that refreshed it last'),
    sa.CheckConstraint('rows >= 0', name=op.f('ck_refreshes_rows')),
    sa.PrimaryKeyConstraint('company_id', 'dataset', 'day', name=op.f('pk_refreshes')),
    comment='One row per slice: how far its numbers go and what they were when'
    )
    op.create_table('restatements',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('dataset', sa.Text(), nullable=False, comment='the dataset concerned'),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('key', sa.Text(), nullable=False, comment='the event, or the event type of a row of usage'),
    sa.Column('column_name', sa.Text(), nullable=False, comment='the number that changed; people = how many people an event has'),
    sa.Column('seen_at', UtcDateTime(), nullable=False, comment='when the change was seen'),
    sa.Column('from_value', sa.Numeric(precision=20, scale=2, asdecimal=False), nullable=False, comment='what the number was; 0 where there was none'),
    sa.Column('to_value', sa.Numeric(precision=20, scale=2, asdecimal=False), nullable=False, comment='what it is now; 0 where there is none'),
    sa.Column('run_id', sa.Text(), nullable=True, comment='the Dagster run that saw it'),
    sa.PrimaryKeyConstraint('company_id', 'dataset', 'day', 'key', 'column_name', 'seen_at', name=op.f('pk_restatements')),
    comment='Numbers of final slices that Sequel changed afterwards'
    )
    op.create_table('events',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the event's uid, or the hub's"),
    sa.Column('event_type', sa.Text(), nullable=False, comment='virtualStageEvent or networkingHub, as Sequel spells it'),
    sa.Column('name', sa.Text(), nullable=False, comment="the event's name, trimmed; a hub has its earliest event's"),
    sa.Column('starts_at', UtcDateTime(), nullable=True, comment="planned start; a hub has the earliest of its events'; null where Sequel gives none"),
    sa.Column('ends_at', UtcDateTime(), nullable=True, comment="planned end; a hub has the latest of its events'; null where Sequel gives none"),
    sa.Column('timezone', sa.Text(), nullable=True, comment="the event's time zone as Sequel names it; every stored time is UTC"),
    sa.Column('is_cancelled', sa.Boolean(), nullable=False, comment='cancelled at Sequel; minutes it may have are counted all the same'),
    sa.Column('is_replay_enabled', sa.Boolean(), nullable=True, comment='whether a replay is offered; null where Sequel does not say'),
    sa.Column('networking_hub_id', sa.Text(), nullable=True, comment='the hub that this event links to, if any'),
    sa.Column('vanished_at', UtcDateTime(), nullable=True, comment='when Sequel had ceased to list and to know it; its rows are kept, it is not asked again'),
    sa.Column('concurrency_from', UtcDateTime(), nullable=True, comment='first minute that Sequel last told concurrency of'),
    sa.Column('concurrency_until', UtcDateTime(), nullable=True, comment='last minute that Sequel last told concurrency of'),
    sa.CheckConstraint("event_type in ('virtualStageEvent', 'networkingHub')", name=op.f('ck_events_event_type')),
    sa.ForeignKeyConstraint(['company_id'], ['companies.company_id'], name=op.f('fk_events_companies')),
    sa.PrimaryKeyConstraint('company_id', 'event_id', name=op.f('pk_events')),
    comment='Virtual Stage events and Networking Hubs, each at the one company it belongs to'
    )
    op.create_table('event_concurrency',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the stage event's uid"),
    sa.Column('minute', UtcDateTime(), nullable=False, comment='the minute (UTC), by its beginning'),
    sa.Column('users', sa.BigInteger(), nullable=False, comment='concurrent users in that minute'),
    sa.CheckConstraint('users >= 0', name=op.f('ck_event_concurrency_users')),
    sa.ForeignKeyConstraint(['company_id', 'event_id'], ['events.company_id', 'events.event_id'], name=op.f('fk_event_concurrency_events')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_id', 'minute', name=op.f('pk_event_concurrency')),
    comment='Concurrent users of a live stage event in each minute that Sequel tells'
    )
    op.create_table('event_participants',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the sub-company's (or the parent's own) uid at Sequel"),
    sa.Column('day', sa.Date(), nullable=False, comment="UTC day, half-open; the partition's day"),
    sa.Column('event_id', sa.Text(), nullable=False, comment="the event's uid, or the hub's"),
    sa.Column('person_id', sa.Text(), nullable=False, comment='the person; see people'),
    sa.Column('event_type', sa.Text(), nullable=False, comment='virtualStageEvent or networkingHub'),
    sa.Column('live_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged live (person x minute); all minutes of a hub are live'),
    sa.Column('on_demand_minutes', sa.BigInteger(), nullable=False, comment='minutes engaged on demand, in the replay (person x minute)'),
    sa.Column('engaged_minutes', sa.BigInteger(), nullable=False, comment="minutes engaged, each person's minute counted once though it may have been live and on demand"),
    sa.CheckConstraint('engaged_minutes >= 0', name=op.f('ck_event_participants_engaged_minutes')),
    sa.CheckConstraint('live_minutes >= 0', name=op.f('ck_event_participants_live_minutes')),
    sa.CheckConstraint('on_demand_minutes >= 0', name=op.f('ck_event_participants_on_demand_minutes')),
    sa.ForeignKeyConstraint(['company_id', 'event_id'], ['events.company_id', 'events.event_id'], name=op.f('fk_event_participants_events')),
    sa.PrimaryKeyConstraint('company_id', 'day', 'event_id', 'person_id', name=op.f('pk_event_participants')),
    comment='Minutes of each person in each event on each day: the fact that every number of usage comes from'
    )


def downgrade() -> None:
    op.drop_table('event_participants')
    op.drop_table('event_concurrency')
    op.drop_table('events')
    op.drop_table('restatements')
    op.drop_table('refreshes')
    op.drop_table('reconciliations')
    op.drop_table('proofs')
    op.drop_table('problems')
    op.drop_table('people')
    op.drop_table('peak_concurrency')
    op.drop_table('lifetime_usage')
    op.drop_table('exclusions')
    op.drop_table('daily_usage')
    op.drop_table('companies')
