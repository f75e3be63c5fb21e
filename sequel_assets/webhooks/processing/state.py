"""What the decisions about notifications are made from, as plain values. No reading, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sequel_assets.refresh.coverage.freshness import Watermark


@dataclass(frozen=True)
class CompanyState:
    """What is known of one company."""

    slices: Mapping[date, Watermark]
    listed_at: datetime | None = None
    """When its events were last listed."""
    is_gone: bool = False
    is_parent: bool = False
    """It has sub-companies, and Sequel may have named it for an event of one of them."""
    first_day: date = date.min
    """Days before it are not kept: Sequel has forgotten them, or they lie before the start of history."""


@dataclass(frozen=True)
class NamedEvent:
    """What is known of an event that a notification names."""

    company_id: str
    starts_at: datetime | None
    is_excluded: bool = False


@dataclass(frozen=True)
class State:
    """All that the decisions are made from."""

    now: datetime
    settle: timedelta
    companies: Mapping[str, CompanyState]
    events: Mapping[str, NamedEvent]
    """The events that notifications name, by id; the events of the companies that they name are enough."""
    under_way: frozenset[str] = frozenset()
    """Runs about notifications that have not ended."""
    hourly_under_way: bool = False
    reach: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """capability -> the companies that its subscription may report on."""
