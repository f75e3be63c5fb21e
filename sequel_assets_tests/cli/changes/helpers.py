"""What `status` and `changes` answer as data, and which events Sequel is asked for."""

import json
from typing import Any

from sequel_assets.warehouse.tables.core import (
    companies,
)
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.small_world import at
from sequel_assets_tests.support.stage import rows_of

LATER = at(4, 15, 7)
"""1 March is final by then, 2 March is not."""
DAYS = ["--from", "2026-03-01", "--to", "2026-03-04"]
FIRST_DAY = ["--from", "2026-03-01", "--to", "2026-03-01"]


def key_of(checkout: Checkout, company_id: str) -> str:
    """The partition key of a company."""
    return next(str(row[1]) for row in rows_of(checkout.url, companies) if row[0] == company_id)


def changes_of(checkout: Checkout, since: str) -> list[dict[str, Any]]:
    """What `changes --json` answers."""
    done = checkout.quickly("changes", "--since", since, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["since"] == since
    return list(told["changes"])
