"""Checks of minutes and of what hangs on events, over a few events that have minutes."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sequel_assets.doctor.judging import account, activity, dates, lists
from sequel_assets.doctor.judging.findings import Finding, unanswered, unseen
from sequel_assets.doctor.judging.sample import SampledEvent, for_dates, largest, smallest
from sequel_assets.doctor.probes import Probes
from sequel_assets.refresh.core.api_profile import EXCLUDED, Fact
from sequel_assets.sequel import BadRequest, SequelError

SUMMED_DAYS = 4
PAGE, SMALL_PAGE, MAX_PAGES = 100, 2, 3
UNKNOWN_USAGE = "not known; a refresh verifies what it stores, and fails by name where it cannot"


def of_usage(probes: Probes, sample: Sequence[SampledEvent]) -> Iterator[Finding]:
    """Yield what is found of engagement types, dates, sums and lists."""
    if not sample:
        why = "no past event that was looked at has minutes"
        checks = (lists.ENGAGEMENT, dates.DATES, dates.DAYS, dates.SUMS, lists.TOTALS, lists.CAP)
        yield from (unseen(check, why, UNKNOWN_USAGE, "run it once more later, or with --event ID") for check in checks)
        return
    engagement = _engagement(probes, sample)
    yield engagement
    for finding in _dates(probes, sample, is_live=not engagement.is_blocking):
        if finding.learned.get(Fact.END_DATE) == EXCLUDED:
            probes.end_shift = timedelta(days=1)
        yield finding
    yield _sums(probes, largest(sample))
    yield from _lists(probes, largest(sample))


def _engagement(probes: Probes, sample: Sequence[SampledEvent]) -> Finding:
    event_id = largest(sample).event_id
    try:
        engaged = probes.minutes(event_id, "all")
        return lists.judge_engagement(
            event_id, engaged, probes.minutes(event_id, "live"), probes.minutes(event_id, "onDemand")
        )
    except SequelError as error:
        return unanswered(lists.ENGAGEMENT, error, UNKNOWN_USAGE)


def _dates(probes: Probes, sample: Sequence[SampledEvent], *, is_live: bool) -> list[Finding]:
    seen = []
    for event in for_dates(sample):
        try:
            if not probes.minutes(event.event_id, "live"):
                continue
            minutes = {span: _live_minutes(probes, event.event_id, span) for span in dates.spans_around(event.day)}
        except SequelError as error:
            return [unanswered(check, error, UNKNOWN_USAGE) for check in (dates.DATES, dates.DAYS)]
        seen.append((event, dates.readings_of(event.day, minutes, is_live=is_live)))
    return dates.judge_dates(seen)


def _live_minutes(probes: Probes, event_id: str, span: dates.Span) -> int:
    try:
        return probes.minutes(event_id, "live", *span)
    except BadRequest:  # a range that is empty, where the end is excluded
        return 0


def _sums(probes: Probes, event: SampledEvent) -> Finding:
    days = [event.day + timedelta(days=number) for number in range(SUMMED_DAYS)]
    try:
        whole = probes.minutes(event.event_id, "all", days[0], days[-1])
        return dates.judge_sums(
            event.event_id, whole, [probes.minutes(event.event_id, "all", day, day) for day in days]
        )
    except SequelError as error:
        return unanswered(dates.SUMS, error, UNKNOWN_USAGE)


def _lists(probes: Probes, event: SampledEvent) -> list[Finding]:
    try:
        first = probes.listed(event.event_id, 1)
        everybody = probes.listed(event.event_id, 2 * event.users + PAGE)
        again = probes.listed(event.event_id, everybody.rows + 1) if everybody.rows < everybody.users else None
        return lists.judge_lists(event.event_id, first, everybody, again)
    except SequelError as error:
        return [unanswered(check, error, UNKNOWN_USAGE) for check in (lists.TOTALS, lists.CAP)]


def of_details(probes: Probes, sample: Sequence[SampledEvent], *, has_totals: bool) -> Iterator[Finding]:
    """Yield what is found of activity and concurrency; totals of participants may be those of the listed ones."""
    if not sample:
        why = "no past event that was looked at has minutes"
        yield from (unseen(one, why, UNKNOWN_USAGE) for one in (activity.UNIT, activity.PAGES, activity.CONCURRENCY))
        return
    yield from _activity(probes, smallest(sample), has_totals=has_totals)
    latest = max(sample, key=lambda one: (one.starts_at.time(), one.event_id))
    views = probes.ask(lambda client: client.concurrency(latest.event_id))
    if isinstance(views, SequelError):
        yield unanswered(activity.CONCURRENCY, views, "concurrent users are not known, and not zero")
    else:
        yield activity.judge_concurrency(latest, views)


def _activity(probes: Probes, event: SampledEvent, *, has_totals: bool) -> Iterator[Finding]:
    event_id, unknown = event.event_id, "activity is unavailable, its numbers unknown, not zero"
    pages = []
    try:
        for number in range(1, MAX_PAGES + 1):
            pages.append(probes.client.user_activity(event_id, page=number, count=PAGE))
            if sum(len(page.items) for page in pages) >= pages[0].total_count or not pages[-1].items:
                break
        items = [item for page in pages for item in page.items]
        times = [
            float(item.live_time.raw) if item.live_time and _is_plain(item.live_time.raw) else 0.0 for item in items
        ]
        is_complete = len({item.uid or item.user_id for item in items}) >= pages[0].total_count
        live = probes.minutes(event_id, "live") if has_totals else 0
        yield activity.judge_unit(event_id, live, times, is_complete=is_complete)
        smaller = activity.judge_page_size(event_id, PAGE, len(pages[0].items), pages[0].total_count)
        if smaller is not None:
            yield smaller
            return
        small = [probes.client.user_activity(event_id, page=number, count=SMALL_PAGE) for number in (1, 2)]
        whole, first, second = ([item.uid or item.user_id or "" for item in page.items] for page in (pages[0], *small))
        yield activity.judge_pages(event_id, whole, first, second, SMALL_PAGE)
    except SequelError as error:
        yield from (unanswered(check, error, unknown) for check in (activity.UNIT, activity.PAGES))


def _is_plain(raw: str) -> bool:
    return raw.replace(".", "", 1).isdecimal()


def named_endpoints(probes: Probes, company_id: str, sample: Sequence[SampledEvent], today: date) -> Finding:
    """Return which of the endpoints that Sequel only names exist."""
    first = today - timedelta(days=7)
    results: dict[str, object] = {
        "lifetime usage": probes.ask(lambda client: client.lifetime_usage(company_id)),
        "usage": probes.ask(lambda client: client.usage(company_id, start=first, end=today)),
        "usage by day": probes.ask(lambda client: client.usage_by_day(company_id, start=first, end=today)),
    }
    if sample:
        results["polls"] = probes.ask(lambda client: client.event_interactions(largest(sample).event_id))
    missing = {
        name: str(found.status or type(found).__name__)
        for name, found in results.items()
        if isinstance(found, SequelError)
    }
    return account.judge_named([name for name in results if name not in missing], missing)
