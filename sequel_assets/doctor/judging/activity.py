"""User activity and concurrency: the unit of its times, its pages, and from when minutes count. Pure."""

from collections.abc import Sequence

from sequel_assets.doctor.judging.findings import Finding, Verdict, unseen
from sequel_assets.doctor.judging.sample import SampledEvent
from sequel_assets.refresh.core.api_profile import UNIT_SECONDS, Fact

UNIT, PAGES, CONCURRENCY = "activity times", "activity pages", "concurrency"
TOLERANCE = 0.1
"""How far a sum of rounded times may be from the minutes of the participants."""
EARLY, OVERRUN = 60, 12 * 60
"""Minutes before its start and beyond its end in which an event may have viewers."""


def judge_unit(event_id: str, live_minutes: int, live_times: Sequence[float], *, is_complete: bool) -> Finding:
    """Return the unit of `liveTime`, by the live minutes of the same people in the list of participants."""
    unknown = "event_activity keeps the raw values; no minutes of usage come from them"
    if not is_complete or not live_minutes:
        why = (
            f"{event_id} has no live minutes to compare with"
            if is_complete
            else f"the pages of {event_id} that were read are not all of it"
        )
        return unseen(UNIT, why, unknown)
    ratio = sum(live_times) / live_minutes
    unit = next((unit for unit, seconds in UNIT_SECONDS.items() if abs(ratio * seconds / 60 - 1) <= TOLERANCE), "")
    found = f"{event_id}: liveTime of all comes to {sum(live_times):,.0f}, their live minutes to {live_minutes:,}"
    if unit == "minutes":
        means = "times of the activity are minutes"
        return Finding(UNIT, Verdict.AS_DOCUMENTED, found, means, learned={Fact.ACTIVITY_UNIT: None})
    if unit:
        means = f"kept in the warehouse: they are {unit}, so the minutes of event_activity are computed from {unit}"
        return Finding(UNIT, Verdict.DIFFERENT, found, means, learned={Fact.ACTIVITY_UNIT: unit})
    means = "the unit is not clear: use event_activity's times with care; usage does not use them"
    return Finding(UNIT, Verdict.DIFFERENT, found, means)


def judge_pages(event_id: str, whole: Sequence[str], first: Sequence[str], second: Sequence[str], size: int) -> Finding:
    """Return whether pages of `size` entries, from 1, are those of the list with all entries."""
    if len(whole) < 2 * size:
        why = f"{event_id} has {len(whole)} entries, too few for pages"
        return unseen(PAGES, why, "a refresh verifies entries against totalCount")
    expected = [list(whole[:size]), list(whole[size : 2 * size])]
    found = f"{event_id}: pages 1 and 2 of {size} entries"
    if [list(first), list(second)] == expected:
        means = "pages count from 1, so activity is read to its end"
        return Finding(PAGES, Verdict.AS_DOCUMENTED, f"{found} are the list's first {2 * size}", means)
    if list(first) == expected[1]:
        means = "pages count from 0: event_activity would lack its first page, and fails by name instead"
        return Finding(PAGES, Verdict.DIFFERENT, f"{found}: the first one is the second", means, "ask Sequel")
    if list(first) == list(second):
        means = "pages are ignored: event_activity has its first page alone, and fails by name where there are more"
        return Finding(PAGES, Verdict.DIFFERENT, f"{found} are the same", means, "ask Sequel")
    means = "the order is not stable; a refresh verifies entries against totalCount"
    return Finding(PAGES, Verdict.DIFFERENT, f"{found} are in another order than the list", means)


def judge_page_size(event_id: str, requested: int, items: int, total: int) -> Finding | None:
    """Return the finding of a first page that is smaller than requested; None where it is not."""
    if items >= min(requested, total):
        return None
    if not items:
        found = f"{event_id}: page 1 is empty, though there are {total:,} entries"
        means = "pages count from 0: event_activity would lack its first page, and fails by name instead"
        return Finding(PAGES, Verdict.DIFFERENT, found, means, "ask Sequel")
    found = f"{event_id}: a page of {requested} has {items} of {total:,} entries"
    means = "pages have a cap: activity is read by the pages that come, in more requests"
    return Finding(PAGES, Verdict.DIFFERENT, found, means)


def judge_concurrency(event: SampledEvent, views: Sequence[tuple[int, int]]) -> Finding:
    """Return whether the minutes of the concurrency count from the event's start."""
    if not views:
        return unseen(CONCURRENCY, f"{event.event_id} has none", "concurrency is placed from the event's start")
    minutes = [minute for minute, _ in views]
    planned = int((event.ends_at - event.starts_at).total_seconds()) // 60
    found = f"{event.event_id}, planned for {planned} minutes: minutes {min(minutes):,} to {max(minutes):,}"
    if min(minutes) >= -EARLY and max(minutes) <= planned + OVERRUN and min(minutes) <= planned:
        means = "minutes count from the start, so each has its time"
        return Finding(CONCURRENCY, Verdict.AS_DOCUMENTED, found, means, learned={Fact.CONCURRENCY: None})
    means = "minutes do not count from the event's start, so they have no time; a refresh stores none, and says so"
    learned = {Fact.CONCURRENCY: "not from the start"}
    return Finding(CONCURRENCY, Verdict.DIFFERENT, found, means, "ask Sequel", learned)
