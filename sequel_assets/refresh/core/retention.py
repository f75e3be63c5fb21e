"""History that Sequel forgets: which days are frozen, and which of those are unknown for good. Pure decisions.

A day that ended longer ago than Sequel keeps is frozen: it is not requested (again). One that froze before any refresh
of every event had covered its end is unknown, not zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from sequel_assets.refresh.core.time import days_between
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.stores.catalog import KnownCompany

DAY = timedelta(days=1)
NONE_FROZEN = date.min
"""The first day that is not frozen, where Sequel forgets nothing."""


class Covered(Protocol):
    """What `refreshes` says of a slice, as far as it matters here."""

    @property
    def full_through(self) -> datetime | None:
        """The hour that every event was requested for."""


@dataclass(frozen=True)
class Retention:
    """How many days Sequel keeps: of every company, and of single ones; None is all of them."""

    days: int | None = None
    of_companies: Mapping[str, int | None] = field(default_factory=dict)
    """Company id or partition key -> days."""

    def of(self, company: KnownCompany) -> int | None:
        """Return how many days Sequel keeps of a company."""
        named = self.of_companies.get(company.partition_key, self.days)
        return self.of_companies.get(company.company_id, named)

    def frozen_before(self, companies: Iterable[KnownCompany], now: datetime) -> dict[str, date]:
        """Return, by company id, the first day that is not frozen; companies of which all is kept are left out."""
        kept = {company.company_id: self.of(company) for company in companies}
        return {company_id: frozen_before(now, days) for company_id, days in kept.items() if days is not None}

    def unknown_companies(self, companies: Iterable[KnownCompany]) -> list[str]:
        """Return the companies of the setting that are not known, as they are written there."""
        known = {name for company in companies for name in (company.company_id, company.partition_key)}
        return sorted(self.of_companies.keys() - known)


def frozen_before(now: datetime, days_kept: int) -> date:
    """Return the first day that is not frozen: it ended no longer than `days_kept` days ago, or has not ended."""
    ended = now.astimezone(UTC) - timedelta(days=days_kept)
    return (ended - timedelta.resolution).date()


def is_closed(day: date, slice_: Covered | None) -> bool:
    """Say whether a refresh of every event has covered the day's end."""
    return slice_ is not None and slice_.full_through is not None and slice_.full_through >= day_end(day)


def unknown_days(slices: Mapping[date, Covered], start: date, frozen_before: date) -> list[date]:
    """Return the frozen days, from the start of history on, that froze before they had closed."""
    frozen = days_between(start, frozen_before - DAY) if frozen_before > start else []
    return [day for day in frozen if not is_closed(day, slices.get(day))]


def counts_from(slices: Mapping[date, Covered], start: date, frozen_before: date) -> date:
    """Return the day from which lifetime counts: the start of history, or the day after the last unknown one."""
    unknown = unknown_days(slices, start, frozen_before)
    return unknown[-1] + DAY if unknown else start
