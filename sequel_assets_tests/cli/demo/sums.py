"""What the demo prints under its first table, compared with the facts that it has stored."""

import re

import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import event_participants


def assert_sums_are_those_of_the_database(said: str, url: str) -> None:
    """The totals under the table of daily usage are the sums of all facts."""
    warehouse = Warehouse(url)
    with warehouse.read() as connection:
        total = connection.scalar(sa.select(sa.func.sum(event_participants.c.engaged_minutes)))
    warehouse.dispose()
    (sums,) = [re.findall(r"[\d,]+", line) for line in said.splitlines() if line.startswith("│ sum ")]
    *by_company, everybody = [int(number.replace(",", "")) for number in sums]
    assert total > 0
    assert (sum(by_company), everybody) == (total, total)
