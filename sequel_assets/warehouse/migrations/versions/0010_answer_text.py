"""What people answered in their own words stands in a column of its own, which is personal; person_engagement is made anew.

It had rows for people whom event_activity only lists. The next refresh derives its days again.
"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'


def upgrade() -> None:
    op.add_column('poll_answers', sa.Column('answer_text', sa.Text(), nullable=True, comment="personal: what was sent where the poll has no such option, such as an answer in one's own words; else null"))
    op.execute("UPDATE poll_answers SET answer_text = option_id, option_id = '' WHERE NOT is_listed_option")
    if op.get_bind().dialect.name == 'postgresql':
        op.alter_column('poll_answers', 'option_id', comment='the option that was chosen; empty where the poll has no such option: what was sent is in answer_text')
        op.alter_column('reactions', 'emoji', comment='the emoji, of however many code points; U+FFFD for what is a text and no emoji')
        op.alter_column('event_activity', 'lead_status', comment='personal: leadStatus as Sequel spells it; of several entries the latest')
    op.execute('DELETE FROM person_engagement')
    op.execute("DELETE FROM refreshes WHERE dataset = 'person_engagement'")
