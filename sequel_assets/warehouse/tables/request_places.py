"""Which processes may have requests to Sequel under way: leases that end by the database's clock."""

import sqlalchemy as sa
from sqlalchemy import Column, Table, Text

from sequel_assets.warehouse.tables.core import metadata, never_negative
from sequel_assets.warehouse.tables.types import UtcDateTime

request_places = Table(
    "request_places",
    metadata,
    Column("holder", Text, primary_key=True, comment="random id of a process that asks Sequel"),
    Column("host", Text, nullable=False, comment="the host that it runs on, and which of its processes it is"),
    Column("companies", sa.BigInteger, nullable=False, comment="companies that it works on: its weight where places are divided"),
    Column("wanted", sa.BigInteger, nullable=False, comment="most requests that it had under way or waiting since it last renewed its lease"),
    Column("places", sa.BigInteger, nullable=False, comment="requests that it may have under way; over all processes never more than SEQUEL_MAX_CONCURRENCY"),
    Column("expires_at", UtcDateTime, nullable=False, comment="when its places go to others unless it renews its lease, by the database's clock"),
    *never_negative("companies", "wanted", "places"),
    comment="The requests to Sequel that each process may have under way now; rows come and go with the processes",
)  # fmt: skip

request_throttle = Table(
    "request_throttle",
    metadata,
    Column("account", sa.BigInteger, primary_key=True, autoincrement=False, comment="1: there is one account"),
    Column("times", sa.BigInteger, nullable=False, comment="how often Sequel answered 429, bursts counted once"),
    Column("paused_until", UtcDateTime, comment="until when no process asks anything (Retry-After), by the database's clock"),
    comment="What Sequel last said about asking too much; every process slows down by it",
)  # fmt: skip
