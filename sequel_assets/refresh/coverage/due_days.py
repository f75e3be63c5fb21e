"""What a refresh has to ask Sequel for: pure decisions over what `refreshes` says and the hour."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sequel_assets.insights.event_days import REPLAY_DAYS
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.time import data_through, days_between
from sequel_assets.refresh.coverage.freshness import Covers, Watermark
from sequel_assets.warehouse.slices.replacement import day_end


class DayCoverage(StrEnum):
    """Which events of a company are asked."""

    ACTIVE = "active"
    """Those that may have minutes now: recent, upcoming or lately watched ones."""
    FULL = "full"
    """Every event."""
    EVENT_DETAILS = "event_details"
    """What belongs to the events that start that day, in full; their minutes are there already and are not asked."""


def due_this_hour(
    slices: Mapping[date, Watermark],
    now: datetime,
    *,
    settle: timedelta,
    late_window: timedelta,
    frozen_before: date = NONE_FROZEN,
) -> dict[date, DayCoverage]:
    """Return the days that an hourly refresh of one company asks for, and how.

    Today, hot, unless this hour has it; each past day, full, once it has ended and once when its late window has passed.
    What should have happened while nobody ran is due now, and each day once. Days before the first one that was ever
    refreshed are a backfill's business; those that Sequel has forgotten (`frozen_before`) are nobody's.
    """
    through = data_through(now, settle)
    today = now.astimezone(UTC).date()
    due: dict[date, DayCoverage] = {}
    for day in days_between(max(min([*slices, today]), frozen_before), today):
        held = slices.get(day)
        if day == today:
            if held is None or held.data_through is None or held.data_through < through:
                due[day] = DayCoverage.ACTIVE
        elif _is_due(day, held, through, late_window):
            minutes_are = held is not None and not _is_due(day, held.minutes, through, late_window)
            due[day] = DayCoverage.EVENT_DETAILS if minutes_are else DayCoverage.FULL
    return due


def _is_due(day: date, held: Covers | None, through: datetime, late_window: timedelta) -> bool:
    """Say whether a past day is to be asked in full: once it has ended, and once when its late window has passed."""
    if held is not None and held.is_final:
        return False
    full = held.full_through if held else None
    return (through >= day_end(day) and (full is None or full < day_end(day))) or through >= day_end(day) + late_window


def due_once_more(
    slices: Mapping[date, Watermark], now: datetime, *, settle: timedelta, frozen_before: date = NONE_FROZEN
) -> dict[date, DayCoverage]:
    """Return the days whose replay window has closed since their events were last asked about as a whole.

    People register for a replay too, so each day has this once, whenever somebody runs again, beside what the hour asks
    for. It makes nothing late, and what is held for its owner is not asked for again. Frozen days are nobody's.
    """
    through = data_through(now, settle)
    return {
        day: DayCoverage.EVENT_DETAILS
        for day, held in sorted(slices.items())
        if day >= frozen_before and _misses_late_registrants(day, held, through)
    }


def _misses_late_registrants(day: date, held: Watermark, through: datetime) -> bool:
    closes = day_end(day) + timedelta(days=REPLAY_DAYS)
    asked = held.of_event_details.full_through if held.of_event_details is not None else None
    return asked is not None and asked < closes <= through


def days_to_request(
    days: Iterable[date],
    slices: Mapping[date, Watermark],
    now: datetime,
    *,
    settle: timedelta,
    again: bool = False,
) -> dict[date, DayCoverage]:
    """Return those of the days that a backfill has to ask for, and how: not what is final, or wholly asked this hour.

    Of a final day what belongs to its events as a whole is asked for where that is due once more.
    With `again` the hour is no reason to skip: an earlier refresh of the company left something undone.
    """
    through = data_through(now, settle)

    def is_settled(held: Covers | None) -> bool:
        if held is None:
            return False
        is_current = not again and held.full_through is not None and held.full_through >= through
        return held.is_final or is_current

    once_more = due_once_more(slices, now, settle=settle)
    asked = {}
    for day in sorted(set(days)):
        held = slices.get(day)
        if not is_settled(held):
            asked[day] = (
                DayCoverage.EVENT_DETAILS if held is not None and is_settled(held.minutes) else DayCoverage.FULL
            )
        elif day in once_more:
            asked[day] = once_more[day]
    return asked
