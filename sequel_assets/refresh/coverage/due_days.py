"""What a refresh has to request from Sequel: pure decisions over what `refreshes` says and the hour."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sequel_assets.insights.event_days import REPLAY_DAYS
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.time import data_through, days_between
from sequel_assets.refresh.coverage.freshness import Covers, Watermark
from sequel_assets.warehouse.slices.decisions import day_end


class DayCoverage(StrEnum):
    """Which events of a company are requested."""

    ACTIVE = "active"
    """Those that may have minutes now: recent, upcoming or lately watched ones."""
    FULL = "full"
    """Every event."""
    EVENT_DETAILS = "event_details"
    """The details of the events that start that day, in full; their minutes are there already and are not requested."""


def due_this_hour(
    slices: Mapping[date, Watermark],
    now: datetime,
    *,
    settle: timedelta,
    late_window: timedelta,
    frozen_before: date = NONE_FROZEN,
    first: date | None = None,
) -> dict[date, DayCoverage]:
    """Return the days that an hourly refresh of one company requests, and how.

    Today, its active events, unless this hour has it; each past day, in full, once it has ended and once when its late
    window has passed. What should have happened while no run was made is due now, and each day once. Days before the
    first one that was ever refreshed are a backfill's business; those that Sequel has forgotten (`frozen_before`) are
    never due. Where `slices` are only those from a day on, and the company has earlier ones, that day is `first`.
    """
    through = data_through(now, settle)
    today = now.astimezone(UTC).date()
    due: dict[date, DayCoverage] = {}
    for day in days_between(max(first or min([*slices, today]), frozen_before), today):
        slice_ = slices.get(day)
        if day == today:
            if slice_ is None or slice_.data_through is None or slice_.data_through < through:
                due[day] = DayCoverage.ACTIVE
        elif _is_due(day, slice_, through, late_window):
            minutes_are = slice_ is not None and not _is_due(day, slice_.minutes, through, late_window)
            due[day] = DayCoverage.EVENT_DETAILS if minutes_are else DayCoverage.FULL
    return due


def _is_due(day: date, slice_: Covers | None, through: datetime, late_window: timedelta) -> bool:
    """Say whether a past day is requested in full: once it has ended, and once when its late window has passed."""
    if slice_ is not None and slice_.is_final:
        return False
    full = slice_.full_through if slice_ else None
    return (through >= day_end(day) and (full is None or full < day_end(day))) or through >= day_end(day) + late_window


def due_once_more(
    slices: Mapping[date, Watermark], now: datetime, *, settle: timedelta, frozen_before: date = NONE_FROZEN
) -> dict[date, DayCoverage]:
    """Return the days whose replay window has closed since the details of their events were last requested.

    People register for a replay too, so each day has this once, at the next run, beside what the hour
    requests. It makes nothing late, and what is quarantined is not requested again. Frozen days are never due.
    """
    through = data_through(now, settle)
    return {
        day: DayCoverage.EVENT_DETAILS
        for day, slice_ in sorted(slices.items())
        if day >= frozen_before and _misses_late_registrants(day, slice_, through)
    }


def _misses_late_registrants(day: date, slice_: Watermark, through: datetime) -> bool:
    closes = day_end(day) + timedelta(days=REPLAY_DAYS)
    requested = slice_.of_event_details.full_through if slice_.of_event_details is not None else None
    return requested is not None and requested < closes <= through


def days_to_request(
    days: Iterable[date],
    slices: Mapping[date, Watermark],
    now: datetime,
    *,
    settle: timedelta,
    undone: bool = False,
) -> dict[date, DayCoverage]:
    """Return the days that a backfill has to request, and how: not what is final, or requested in full this hour.

    Of a final day the event details are requested where they are due once more.
    Where an earlier refresh of the company left something `undone` the hour is no reason to skip.
    """
    through = data_through(now, settle)

    def is_covered(slice_: Covers | None) -> bool:
        if slice_ is None:
            return False
        is_current = not undone and slice_.full_through is not None and slice_.full_through >= through
        return slice_.is_final or is_current

    once_more = due_once_more(slices, now, settle=settle)
    requested = {}
    for day in sorted(set(days)):
        slice_ = slices.get(day)
        if not is_covered(slice_):
            requested[day] = (
                DayCoverage.EVENT_DETAILS if slice_ is not None and is_covered(slice_.minutes) else DayCoverage.FULL
            )
        elif day in once_more:
            requested[day] = once_more[day]
    return requested
