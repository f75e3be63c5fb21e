"""Planning one company's refresh: which events are requested for which days, from what the warehouse holds.

The plan is made once, from one look at the warehouse, and does not change afterwards. It requests nothing from Sequel.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.coverage.active_events import BACK, active_events, watched_since
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.details.lists import due_events, owed_events
from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.events import CompanyEvents
from sequel_assets.refresh.usage.empty_range_store import read_empty_ranges
from sequel_assets.refresh.usage.empty_ranges import left_to_request
from sequel_assets.refresh.usage.range_search import Span, runs_of
from sequel_assets.warehouse.stores.notifications import notified_since
from sequel_assets.warehouse.tables.webhook_types import WebhookType


@dataclass(frozen=True)
class PlanStep:
    """Days that are requested of the same events. Without a coverage the days stay as covered as they are."""

    days: Sequence[date]
    event_ids: Collection[str]
    coverage: DayCoverage | None


@dataclass(frozen=True)
class CompanyPlan:
    """What a refresh of one company requests."""

    events: CompanyEvents
    days: Mapping[date, DayCoverage]
    spans: Mapping[str, Sequence[Span]]
    """event -> the spans in which its days with minutes are looked for, in the order of the requests."""
    steps: Sequence[PlanStep]
    single_event_ids: Sequence[str]
    """Events that are requested for their own sake."""
    roster_event_ids: Collection[str]
    """Events and hubs whose lists without a day are requested, such as their registrants."""


def plan_company(
    connection: sa.Connection, context: RunContext, events: CompanyEvents, days: Mapping[date, DayCoverage]
) -> CompanyPlan:
    """Return what a refresh of these days of a company requests."""
    company_id, now, newcomers = events.company_id, context.run_info.at, events.pending.newcomers
    first_unfrozen = context.run_info.first_unfrozen(company_id)
    everyone = [event.event_id for event in events.requested]
    full = sorted(day for day, coverage in days.items() if coverage is DayCoverage.FULL)
    hourly = sorted(day for day, coverage in days.items() if coverage is DayCoverage.ACTIVE)
    refreshed = pending_work.refreshed_days(connection, company_id) if newcomers else []
    older = [day for day in refreshed if day >= first_unfrozen and day not in {*full, *hourly}]
    only = context.options.only.get(company_id, {})
    single = {
        event_id: [day for day in sorted(of_event) if day >= first_unfrozen] for event_id, of_event in only.items()
    }
    empty_ranges = {} if context.options.force else read_empty_ranges(connection, company_id)
    active: Collection[str] = ()
    if hourly:
        types = (WebhookType.STARTED, WebhookType.ENDED)
        watched = watched_since(connection, company_id, hourly[-1] - BACK)
        watched |= notified_since(connection, company_id, types, now - BACK)
        active = active_events(events.requested, now, watched=watched, new=newcomers)

    def spans(event_id: str) -> list[Span]:
        regular = left_to_request([*full, *hourly] if event_id in active else full, empty_ranges.get(event_id, ()))
        return [*runs_of(regular), *runs_of(older if event_id in newcomers else []), *runs_of(single.get(event_id, []))]

    steps = [
        PlanStep(full, everyone, DayCoverage.FULL),
        PlanStep(hourly, [event_id for event_id in everyone if event_id in active], DayCoverage.ACTIVE),
        PlanStep(older, [event_id for event_id in everyone if event_id in newcomers], None),
        *(
            PlanStep(single.get(event_id, []), [event_id], None) for event_id in everyone
        ),  # one that fails holds up no other
    ]
    due = {event.event_id for event in due_events(events.requested, days, now)}
    return CompanyPlan(
        events,
        days,
        {event_id: spans(event_id) for event_id in everyone},
        [step for step in steps if step.days],
        list(single),
        due | owed_events(connection, company_id) | single.keys(),
    )
