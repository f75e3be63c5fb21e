"""The comments of tables and columns say in plain technical English what each is; names and rows stay as they are."""

from alembic import op

revision = '0014'
down_revision = '0013'


def upgrade() -> None:
    if op.get_bind().dialect.name != 'postgresql':  # SQLite stores no comments
        return
    op.create_table_comment('company_rollup', "A company's usage on a day with all its sub-companies, people counted once over all of them")
    op.alter_column('company_rollup', 'companies', comment="companies that are counted: itself and its sub-companies on that day, at any depth")
    op.alter_column('company_rollup', 'live_minutes', comment="minutes engaged live (person x minute); all minutes of a hub are live; over the company and its sub-companies")
    op.alter_column('company_rollup', 'on_demand_minutes', comment="minutes engaged on demand, in the replay (person x minute); over the company and its sub-companies")
    op.alter_column('company_rollup', 'engaged_minutes', comment="minutes engaged, each person's minute counted once though it may have been live and on demand; over the company and its sub-companies")
    op.alter_column('company_rollup', 'events', comment="events with at least one engaged minute; over the company and its sub-companies")
    op.alter_column('event_statistics', 'is_cancelled', comment="cancelled at Sequel, as last fetched; minutes it may have are counted all the same")
    op.alter_column('event_statistics', 'registered', comment="people whom event_activity gives a time of registration by the end of this day; null where Sequel does not say who registered")
    op.alter_column('event_statistics', 'show_rate', comment="of those registered, the share with a live minute; null where nobody registered or Sequel does not say who did, and while nobody has come to an event that is cancelled or whose start day has not closed; percent, 0 to 100 with two decimals, halves up")
    op.alter_column('event_statistics', 'peak_users', comment="highest number of concurrent users in any minute; up to the end of this day; null where no minute is known")
    op.alter_column('event_statistics', 'polls', comment="polls held; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('event_statistics', 'poll_voters', comment="distinct people who answered a poll; answers without a name count nobody; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('event_statistics', 'poll_participation_rate', comment="of those who attended live, the share that answered a poll; null where nobody attended, no poll was held or polls are unknown; percent, 0 to 100 with two decimals, halves up")
    op.alter_column('event_statistics', 'questions', comment="questions asked; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('event_statistics', 'questions_answered', comment="of them those with an answer or a time of it; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('event_statistics', 'chat_messages', comment="messages in the chat; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('event_statistics', 'reactions', comment="emojis sent; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('funnel', 'registered', comment="people whom event_activity gives a time of registration by the end of this day; null where Sequel does not say who registered, and all who came are in the next step")
    op.alter_column('funnel', 'stayed_half', comment="of them those with live minutes for half of the planned minutes or more; null where the event has no planned end after its start, and then not required for the next steps; up to the end of this day")
    op.alter_column('funnel', 'asked_or_answered', comment="of them those who asked a question or answered a poll, by event_activity, questions or poll_answers; null where none of them is known; up to the end of this day")
    op.alter_column('funnel', 'came_again', comment="of them those with a minute, live or on demand, in another stage event of the company on a later day, within 30 days of the start day; null where it is unknown who asked or answered; up to the end of this day")
    op.alter_column('funnel', 'walk_ins', comment="people with a live minute who have not registered by the end of this day: they are in no step; 0 where Sequel does not say who registered")
    op.alter_column('networking', 'pairs', comment="pairs of people who were both in the hub that day: so many can have met at the most; Sequel does not say who met whom")
    op.alter_column('person_engagement', 'is_registered', comment="whether event_activity gives a time of their registration by the end of this day; null where it does not list them, or gives no time of anybody in the event")
    op.alter_column('person_engagement', 'chat_messages', comment="messages that they wrote: those in chat_messages, or the comments that event_activity counts where those are more; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('person_engagement', 'poll_answers', comment="polls that they answered: by poll_answers, or as event_activity counts where that is more; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('person_engagement', 'questions', comment="questions that they asked: those in questions, or as event_activity counts where that is more; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('person_engagement', 'messages_reactions', comment="messages and reactions that they sent, as event_activity counts them; by the event's details, as last fetched; null where Sequel does not return them")
    op.alter_column('person_engagement', 'circles', comment="networking circles that they joined, as event_activity counts them; by the event's details, as last fetched; null where Sequel does not return them")
