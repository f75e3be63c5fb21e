"""What the warehouse was made with; the row comes with the first write that knows it all."""

import sqlalchemy as sa
from alembic import op

from sequel_assets.warehouse.tables.types import UtcDateTime

revision = '0009'
down_revision = '0008'
COMMENTS = {
    'person_id': 'keyed hash (HMAC-SHA-256, hex) of the e-mail, trimmed, lower-cased, NFC; without an e-mail of event, name (likewise) and, from the second one on, which one of that name it is there: the n-th of a name on one day is taken for the n-th on another, so over several days such people are counted at least',
    'email': 'personal: the e-mail, trimmed, lower-cased, NFC; null where the person gave none',
}


def upgrade() -> None:
    op.create_table('warehouse_identity',
    sa.Column('company_id', sa.Text(), nullable=False, comment="the root company's uid at Sequel, SEQUEL_COMPANY_ID"),
    sa.Column('api_host', sa.Text(), nullable=False, comment='host of SEQUEL_API_URL; loopback for every address of the machine itself'),
    sa.Column('person_key_fingerprint', sa.Text(), nullable=False, comment='tells whether SEQUEL_PERSON_KEY is the one that people are hashed with, and not what it is: HMAC-SHA-256 of a constant, 32 hex digits'),
    sa.Column('rule_version', sa.BigInteger(), nullable=False, comment='version of the rule that makes person_id out of e-mails and names'),
    sa.Column('written_at', UtcDateTime(), nullable=False, comment='when that was written: by the first refresh, or when the release came that keeps it'),
    sa.CheckConstraint('rule_version >= 0', name=op.f('ck_warehouse_identity_rule_version')),
    sa.PrimaryKeyConstraint('company_id', name=op.f('pk_warehouse_identity')),
    comment='What the warehouse was made with, in one row; whoever writes compares it with the settings first'
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        for column, comment in COMMENTS.items():
            op.alter_column('people', column, comment=comment)
