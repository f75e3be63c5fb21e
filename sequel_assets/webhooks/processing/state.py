"""What the decisions about hints go by, as plain values."""

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
    """Companies stand beneath it, and Sequel may have told of one's event in its name."""
    first_day: date = date.min
    """Sequel has forgotten the days before it, or they lie before the start of history."""


@dataclass(frozen=True)
class KnownAs:
    """What is known of an event that a hint names."""

    company_id: str
    starts_at: datetime | None
    is_excluded: bool = False


@dataclass(frozen=True)
class State:
    """What the decisions go by."""

    now: datetime
    settle: timedelta
    companies: Mapping[str, CompanyState]
    events: Mapping[str, KnownAs]
    """The events that hints name, by id; those of a company that is told of alone are enough."""
    under_way: frozenset[str] = frozenset()
    """Runs about hints that have not ended."""
    hourly_under_way: bool = False
    reach: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """capability -> the companies that its subscription may speak of."""
