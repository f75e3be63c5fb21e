"""The columns of a range of days and of the comparison of two: what `usage_comparison` and `comparing` share."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import and_, case, cast

from sequel_assets.insights.sql import average, quotient
from sequel_assets.warehouse.tables.core import MINUTES

NUMBERS = (*MINUTES, "unique_users", "events")


def range_columns(prefix: str, numbers: Any, days: Any) -> list[Any]:
    """Return the columns of a range of so many days."""
    return [
        *(numbers[name].label(prefix + name) for name in NUMBERS),
        average(numbers.engaged_minutes, numbers.unique_users).label(f"{prefix}average_engaged_minutes"),
        average(numbers.engaged_minutes, days).label(f"{prefix}engaged_minutes_per_day"),
    ]


def changes(both: Any, is_as_long: Any, now: tuple[Any, Any], before: tuple[Any, Any]) -> list[Any]:
    """Return the changes between two ranges, each its numbers and its days, where `both` are complete."""
    (a, days), (b, before_days) = now, before
    return [
        _change(both, a.engaged_minutes * before_days, b.engaged_minutes * days).label("engaged_minutes_change"),
        _change(both, a.events * before_days, b.events * days).label("events_change"),
        _change(and_(both, is_as_long), a.unique_users, b.unique_users).label("unique_users_change"),
    ]


def _change(is_fair: Any, now: Any, before: Any) -> Any:
    """Return the change from before to now in percent, two decimals, halves away from zero; null unless it is fair."""
    grown, shrunk = (quotient(more * 20_000 + before, before * 2) for more in (now - before, before - now))
    hundredths = case((now >= before, grown), else_=-shrunk)
    return cast(
        case((and_(is_fair, before > 0), hundredths / sa.literal_column("100.0")), else_=None),
        sa.Numeric(14, 2, asdecimal=False),
    )
