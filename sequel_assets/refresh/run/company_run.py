"""Refreshing one company: plan, extract, load. A day is one slice of each landed dataset.

A slice is written when the answers about every event of it were verified; else it fails by name, and what was there
stays.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from sequel_assets.refresh.core.datasets import CORE_NAMES
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.slice_coverage import kept_outcomes
from sequel_assets.refresh.details.extract import EventDetails
from sequel_assets.refresh.details.lists import failed_lists, refresh_lists
from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.events import CompanyEvents
from sequel_assets.refresh.run.extract import Extraction
from sequel_assets.refresh.run.load import Loading
from sequel_assets.refresh.run.plan import CompanyPlan, plan_company


def refresh_company(context: RunContext, events: CompanyEvents, days: Mapping[date, DayCoverage]) -> Iterator[Outcome]:
    """Yield an outcome for each day of every landed dataset, as they are committed."""
    plan = context.warehouse.ask(lambda connection: plan_company(connection, context, events, days))
    yield from _rosters(context, plan)
    extraction = Extraction(context, plan)
    loading = Loading(context, events, extraction.explore())
    for step in plan.steps:
        yield from loading.load(extraction.days(step))
    loading.place_elsewhere(extraction.works)
    extraction.finish()
    yield from _event_details(context, plan, extraction)
    pending_work.note(context.warehouse, events.company_id, loading.left_undone(), at=context.run_info.at)


def _rosters(context: RunContext, plan: CompanyPlan) -> list[Outcome]:
    """Request and store the lists that have no day, such as registrants; return an outcome for each that failed.

    They have no day that would show that they are missing, so they come before any day is committed: a refresh that
    dies leaves days behind, and with them whatever is to be requested again.
    """
    is_full = any(coverage is not DayCoverage.ACTIVE for coverage in plan.days.values())
    events = plan.events
    return failed_lists(
        refresh_lists(context, events.company_id, plan.roster_event_ids, events.listed, is_full=is_full)
    )


def _event_details(context: RunContext, plan: CompanyPlan, extraction: Extraction) -> Iterator[Outcome]:
    """Request and store what belongs to an event and not to a day of minutes."""
    company_id = plan.events.company_id
    minutes_are_there = [day for day, coverage in plan.days.items() if coverage is DayCoverage.EVENT_DETAILS]
    kept = {company_id: minutes_are_there}
    yield from context.warehouse.ask(lambda connection: list(kept_outcomes(connection, kept, CORE_NAMES)))
    present = [work.event for work in extraction.works.values() if not work.vanished]
    details = EventDetails(context, company_id, present)
    yield from details.run(plan.days, plan.single_event_ids, plan.events.pending)
