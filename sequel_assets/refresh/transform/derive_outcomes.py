"""What became of a company's insights, as outcomes: derived, failed with their sources, or waiting and for what."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.core.slice_summary import outcome_of
from sequel_assets.refresh.transform.derive import OWN_INSIGHTS
from sequel_assets.sequel import NotFound, SequelError
from sequel_assets.warehouse.slices.replacement import SliceResult


def insight_outcomes(
    company_id: str,
    days: Collection[date],
    results: Mapping[str, Sequence[SliceResult]],
    waiting: Mapping[str, Mapping[date, str]],
    facts: Mapping[tuple[str, date], Outcome],
    start: date,
    first_held: date,
    today: date,
) -> Iterator[Outcome]:
    """Yield the outcomes of the days that were asked for, and of every other that was derived."""
    for insight in OWN_INSIGHTS:
        derived = {result.day: result for result in results[insight.name]}
        for day in sorted({*days, *derived}):
            landed = [facts[name, day] for name in insight.sources if (name, day) in facts]
            failed = next((outcome for outcome in landed if not outcome.is_good), None)
            if failed is not None:
                yield Outcome(
                    company_id,
                    insight.name,
                    day,
                    SliceStatus.FAILED,
                    f"its {failed.dataset} failed: {failed.reason}",
                )
            elif day in waiting[insight.name]:
                yield Outcome(company_id, insight.name, day, SliceStatus.WAITING, waiting[insight.name][day])
            elif day in derived:
                yield outcome_of(company_id, derived[day])
            elif not (insight.at_close and day == today):
                why = f"{day} has no {insight.sources_in_words} yet"
                if day < start:
                    why = f"{day} lies before SEQUEL_START_DATE ({start})"
                elif day < first_held:
                    why = f"Sequel has forgotten {day}, or a later day that this number needs"
                yield Outcome(company_id, insight.name, day, SliceStatus.WAITING, why)


def why_unlisted(wrong: Exception) -> str:
    """Return why the slices of a company failed whose events were not listed."""
    if isinstance(wrong, NotFound):
        return "the company is gone at Sequel (404)"
    return f"its events cannot be listed: {wrong}" if isinstance(wrong, SequelError) else str(wrong)
