"""Which slices are late, compared with the hour: a pure decision over what `refreshes` says.

    required(now) = top of the hour of now - settle - allowance

Today is late when its `data_through` is before that. A past day is late when it should have closed and no refresh of
every event has covered its end; and once more when its late window has passed and it is not final.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.refresh.core.time import days_between, top_of_hour
from sequel_assets.warehouse.slices.decisions import day_end

ALLOWANCE = timedelta(minutes=30)
"""What a refresh may take, from the end of Sequel's own computing on."""


@dataclass(frozen=True)
class Covers:
    """How far a slice, or several of one day, goes."""

    data_through: datetime | None
    full_through: datetime | None
    is_final: bool


@dataclass(frozen=True)
class Watermark(Covers):
    """What `refreshes` says of one slice, or of all landed ones of a day: the least of them."""

    of_minutes: Covers | None = None
    """What the minutes alone cover, where that is more."""
    of_event_details: Covers | None = None
    """What is covered of the event details, without what is quarantined; None where there is none."""

    @property
    def minutes(self) -> Covers:
        """Return what the minutes cover."""
        return self.of_minutes or self


@dataclass(frozen=True, order=True)
class Late:
    """A slice that is late: since when it should have covered `due`, and what it covers."""

    company_id: str
    day: date
    due: datetime
    """The hour that it should cover."""
    covers: datetime | None
    """The hour that it does cover; None where it has never been refreshed."""
    rule: str
    """`hour`, `close` or `final`: which of the three rules it breaks."""

    @property
    def by(self) -> timedelta | None:
        """Return how far behind it is; None where it has never been refreshed."""
        return None if self.covers is None else self.due - self.covers


def required(now: datetime, settle: timedelta, allowance: timedelta = ALLOWANCE) -> datetime:
    """Return the top of the hour that today's numbers must cover by now."""
    return top_of_hour(now.astimezone(UTC) - settle - allowance)


def late_slices(
    company_id: str,
    slices: Mapping[date, Watermark],
    now: datetime,
    *,
    settle: timedelta,
    late_window: timedelta,
    frozen_before: date = NONE_FROZEN,
    owes_today: bool = True,
    since: date | None = None,
) -> list[Late]:
    """Return the late slices of one dataset of one company, in the order of days.

    The days are every one from `since` (else the first that was ever refreshed) to today; a company without any owes
    today. Those that Sequel has forgotten (`frozen_before`) owe nothing, nor does today where it `owes_today` nothing.
    """
    need = required(now, settle)
    today = now.astimezone(UTC).date()
    first = since or min(slices, default=today)
    late = []
    for day in days_between(max(min(first, today), frozen_before), today):
        found = _late(company_id, day, slices.get(day), today, need, late_window)
        late += [found] if found and (owes_today or day != today) else []
    return late


def _late(
    company_id: str, day: date, slice_: Watermark | None, today: date, need: datetime, late_window: timedelta
) -> Late | None:
    data_through = slice_.data_through if slice_ else None
    full_through = slice_.full_through if slice_ else None
    end = day_end(day)
    if day == today:
        begins = datetime.combine(day, time(), UTC)
        if data_through is None:  # it owes nothing before an hour of it is to be covered
            return Late(company_id, day, need, None, "hour") if need >= begins else None
        return Late(company_id, day, need, data_through, "hour") if data_through < need else None
    if need >= end and (full_through is None or full_through < end):
        return Late(company_id, day, end, full_through, "close")
    if need >= end + late_window and not (slice_ and slice_.is_final):
        return Late(company_id, day, end + late_window, full_through, "final")
    return None
