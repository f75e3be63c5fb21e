"""The one way to the usage of a range: from the sets of people where they are of today's facts, else from the facts themselves.

A lake has no sets: its engine counts the facts.
"""

from typing import Any

import sqlalchemy as sa

from sequel_assets.insights import counted_usage, ranges
from sequel_assets.insights.counted_usage import UsageCount
from sequel_assets.insights.ranges import Scope
from sequel_assets.warehouse.database.reader import Reader

AT_ONCE = 2_000


def usage_query(reader: Reader, scope: Scope) -> Any:
    """Return the SELECT of a scope's usage, as `ranges.select_usage` has it; the people may have been counted already."""
    counts = counted(reader, scope)
    return ranges.select_usage(scope) if counts is None else counted_usage.select_counted(counts)


def counted(reader: Reader, scope: Scope) -> list[UsageCount] | None:
    """Return the usage of a scope, first that of all its events; None where it has to be counted from the facts."""
    if not isinstance(reader, sa.Connection) or reader.execute(counted_usage.select_stale(scope)).first() is not None:
        return None
    rows = reader.execute(counted_usage.select_event_days(scope), execution_options={"yield_per": AT_ONCE})
    return counted_usage.count_usage(rows.partitions(), scope.event_type)
