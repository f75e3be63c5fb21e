"""The table of one row that says what the warehouse was made with."""

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text

from .tables import metadata, never_negative
from .types import UtcDateTime

warehouse_identity = Table(
    "warehouse_identity",
    metadata,
    Column("company_id", Text, primary_key=True, comment="the root company's uid at Sequel, SEQUEL_COMPANY_ID"),
    Column("api_host", Text, nullable=False, comment="host of SEQUEL_API_URL; loopback for every address of the machine itself"),
    Column("person_key_fingerprint", Text, nullable=False, comment="tells whether SEQUEL_PERSON_KEY is the one that people are hashed with, and not what it is: HMAC-SHA-256 of a constant, 32 hex digits"),
    Column("rule_version", sa.BigInteger, nullable=False, comment="version of the rule that makes person_id out of e-mails and names"),
    Column("written_at", UtcDateTime, nullable=False, comment="when that was written: by the first refresh, or when the release came that keeps it"),
    *never_negative("rule_version"),
    comment="What the warehouse was made with, in one row; whoever writes compares it with the settings first",
)  # fmt: skip
