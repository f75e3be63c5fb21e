"""What a refresh has to ask Sequel for: pure decisions over what `refreshes` says and the hour."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sequel_assets.warehouse.slices import day_end

from .freshness import Held
from .hours import data_through, days_between


class Coverage(StrEnum):
    """Which events of a company are asked."""

    HOT = "hot"
    """Those that may have minutes now: recent, upcoming or lately watched ones."""
    FULL = "full"
    """Every event."""


def due_this_hour(
    slices: Mapping[date, Held],
    now: datetime,
    *,
    settle: timedelta,
    late_window: timedelta,
    frozen: Iterable[date] = (),
) -> dict[date, Coverage]:
    """Return the days that an hourly refresh of one company asks for, and how.

    Today, hot, unless this hour has it; each past day, full, once it has ended and once when its late window has passed.
    What should have happened while nobody ran is due now, and each day once. Days before the first one that was ever
    refreshed are a backfill's business.
    """
    through = data_through(now, settle)
    today = now.astimezone(UTC).date()
    exempt = set(frozen)
    due: dict[date, Coverage] = {}
    for day in days_between(min([*slices, today]), today):
        held = slices.get(day)
        full = held.full_through if held else None
        if day in exempt or (held and held.is_final):
            continue
        if day == today:
            if held is None or held.data_through is None or held.data_through < through:
                due[day] = Coverage.HOT
        elif (through >= day_end(day) and (full is None or full < day_end(day))) or through >= day_end(
            day
        ) + late_window:
            due[day] = Coverage.FULL
    return due


def to_ask(
    days: Iterable[date],
    slices: Mapping[date, Held],
    now: datetime,
    *,
    settle: timedelta,
    frozen: Iterable[date] = (),
    again: bool = False,
) -> list[date]:
    """Return those of the days that a backfill has to ask for: not what is final, frozen, or wholly asked this hour.

    With `again` the hour is no reason to skip: an earlier refresh of the company left something undone.
    """
    through, exempt = data_through(now, settle), set(frozen)
    asked = []
    for day in sorted(set(days)):
        held = slices.get(day)
        full_through = held.full_through if held else None
        is_current = not again and full_through is not None and full_through >= through
        if day not in exempt and not (held and held.is_final) and not is_current:
            asked.append(day)
    return asked
