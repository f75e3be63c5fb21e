"""Deriving a company's insights, as outcomes: derived, failed with their sources, or waiting and for what."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus, all_failed, unexpected
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.core.slice_summary import outcome_of
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.transform.derive import OWN_INSIGHTS, Derived, derive
from sequel_assets.sequel import NotFound, SequelError
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.tables.dataset import Insight

OWN_NAMES = frozenset(insight.name for insight in OWN_INSIGHTS)


def derive_outcomes(
    context: RunContext,
    company_id: str,
    days: Mapping[date, DayCoverage],
    facts: Mapping[tuple[str, date], Outcome],
) -> Iterator[Outcome]:
    """Derive a company's insights; yield the outcomes of the days requested, and of every other that was behind.

    `facts` are the outcomes of the landed slices, by dataset and day: where one failed, so did what is derived from it.
    """
    run_info = context.run_info
    single = {day for those in context.options.only.get(company_id, {}).values() for day in those}
    try:
        derived = derive(
            context.warehouse,
            company_id,
            days,
            start=context.config.start,
            run_info=run_info,
            frozen_before=run_info.first_unfrozen(company_id),
            even_open=single | {day for day, coverage in days.items() if coverage is not DayCoverage.ACTIVE},
        )
    except WarehouseError as error:
        yield from all_failed(company_id, days, str(error), OWN_NAMES)
    except Exception as error:  # noqa: BLE001 - a mistake of ours must not take other companies down
        yield from all_failed(company_id, days, unexpected(error), OWN_NAMES)
    else:
        for insight in OWN_INSIGHTS:
            yield from _of_insight(context, company_id, insight, derived, days, facts)


def _of_insight(
    context: RunContext,
    company_id: str,
    insight: Insight,
    derived: Derived,
    days: Collection[date],
    facts: Mapping[tuple[str, date], Outcome],
) -> Iterator[Outcome]:
    start, first_unfrozen, today = (
        context.config.start,
        context.run_info.first_unfrozen(company_id),
        context.clock().date(),
    )
    results = {result.day: result for result in derived.results[insight.name]}
    waiting = derived.waiting[insight.name]
    for day in sorted({*days, *results}):
        landed = [facts[name, day] for name in insight.sources if (name, day) in facts]
        failed = next((outcome for outcome in landed if not outcome.is_good), None)
        if failed is not None:
            why = f"its {failed.dataset} failed: {failed.reason}"
            yield Outcome(company_id, insight.name, day, SliceStatus.FAILED, why)
        elif day in waiting:
            yield Outcome(company_id, insight.name, day, SliceStatus.WAITING, waiting[day])
        elif day in results:
            yield outcome_of(company_id, results[day])
        elif not (insight.at_close and day == today):
            why = f"{day} has no {insight.sources_in_words} yet"
            if day < start:
                why = f"{day} lies before SEQUEL_START_DATE ({start})"
            elif day < first_unfrozen:
                why = f"Sequel has forgotten {day}, or a later day that this number needs"
            yield Outcome(company_id, insight.name, day, SliceStatus.WAITING, why)


def why_unlisted(wrong: Exception) -> str:
    """Return why the slices of a company failed whose events were not listed."""
    if isinstance(wrong, NotFound):
        return "the company is gone at Sequel (404)"
    return f"its events cannot be listed: {wrong}" if isinstance(wrong, SequelError) else str(wrong)
