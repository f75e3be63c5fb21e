"""Which runs an hour needs: one for today of all companies, and others for older days, so that these delay no one.

Pure.

A run covers a rectangle of companies and days, and Dagster stores events for all that it plans. So a day that is due
for one company since last month (say, a backfill left a gap) has a run of its own: it widens no other run, and its
failure fails no other.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.partitions import RANGE_END, RANGE_START, range_tags
from sequel_assets.refresh.core.time import days_between

MAX_DAYS = 31
"""Days that the run of today reaches back to at most."""
GAP = timedelta(days=3)
"""Due days that lie no further apart share a run: starting a run costs more than planning a few days for nothing."""
MAX_OLDER_RUNS = 20
"""Runs for older days that one tick requests; the next ticks go on with others."""


@dataclass(frozen=True)
class Rectangle:
    """What one run covers: companies (partition keys, neighbours in Dagster's order) and days."""

    companies: tuple[str, ...]
    first: date
    last: date

    def overlaps(self, other: "Rectangle") -> bool:
        """Say whether both cover any slice."""
        return (
            self.first <= other.last and other.first <= self.last and not {*self.companies}.isdisjoint(other.companies)
        )


def decide_hour(
    companies: Sequence[str],
    due: Mapping[str, Collection[date]],
    hour_under_way: str | None,
    under_way: Sequence[Rectangle],
    hour: datetime,
    today: date,
    hourly_assets: Sequence[dg.AssetKey],
) -> list[dg.RunRequest] | dg.SkipReason:
    """Return the runs of an hour, that of today first. Pure.

    `companies` are Dagster's partitions in their order, `due` the days that each has to be fetched for,
    `hour_under_way` a run of an earlier hour that has not ended, `under_way` what all runs cover that have not ended:
    older days that one of them covers are not requested beside it. `hourly_assets` are what a run over open days plans:
    Dagster stores two events for each slice that is planned and materialized.
    """
    if not companies:
        return dg.SkipReason("no company is known yet; the sensor new_companies finds them")
    if not any(due.values()):
        return dg.SkipReason(f"every company has this hour already, through {hour:%Y-%m-%d %H:%M} UTC")
    requests = []
    chosen = rectangles(companies, due, today)
    older = [one for one in chosen if one.last < today and not any(one.overlaps(other) for other in under_way)]
    if hour_under_way is None:
        for one in chosen:
            if one.last >= today:
                tags = range_tags(one.companies, one.first, one.last) | {run_tags.HOURLY: run_tags.ON} | run_tags.URGENT
                names = (
                    hourly_assets if one.first == today else None
                )  # insights that are derived at a day's close are not due yet
                requests.append(dg.RunRequest(run_key=f"hour-{hour:%Y%m%d%H}", tags=tags, asset_selection=names))
    turn = int(hour.timestamp()) // 3600 * MAX_OLDER_RUNS
    for place in range(min(len(older), MAX_OLDER_RUNS)):
        one = older[(turn + place) % len(older)]
        tags = range_tags(one.companies, one.first, one.last) | {run_tags.HOURLY: run_tags.OLDER}
        run_key = f"hour-{hour:%Y%m%d%H}-{one.companies[0]}-{one.first}"
        requests.append(dg.RunRequest(run_key=run_key, tags=tags))
    if requests:
        return requests
    if hour_under_way is None:
        return dg.SkipReason("what is due of older days is being fetched by runs that are under way")
    return dg.SkipReason(
        f"the refresh of an earlier hour is still under way (run {hour_under_way}); "
        "the next hour catches up on what is due"
    )


def rectangles(companies: Sequence[str], due: Mapping[str, Collection[date]], today: date) -> list[Rectangle]:
    """Return rectangles that cover every due day: of all companies today and what is due for most, else of one."""
    known = set(companies)
    times = Counter(day for key, days in due.items() if key in known for day in days)
    common = {day for day, count in times.items() if 2 * count > len(companies) or day == today}
    recent = {day for day in common if day > today - timedelta(days=MAX_DAYS)}
    spans = [*_spans(recent), *_spans(common - recent)]
    found = [Rectangle(tuple(companies), first, last) for first, last in spans]
    everybodys = {day for first, last in spans for day in days_between(first, last)}
    for key in companies:
        alone = set(due.get(key, ())) - everybodys
        found += [Rectangle((key,), first, last) for first, last in _spans(alone, everybodys)]
    return sorted(found, key=lambda one: one.last < today)


def covered(runs: Iterable[dg.DagsterRun], companies: Sequence[str]) -> Iterator[Rectangle]:
    """Yield what runs over slices cover, by their tags."""
    place = {key: number for number, key in enumerate(companies)}
    for run in runs:
        one = run.tags.get("dagster/partition")
        first_company, _, first = run.tags.get(RANGE_START, one or "").rpartition("|")
        last_company, _, last = run.tags.get(RANGE_END, one or "").rpartition("|")
        if first_company in place and last_company in place:
            between = tuple(companies[place[first_company] : place[last_company] + 1])
            yield Rectangle(between, date.fromisoformat(first), date.fromisoformat(last))


def _spans(days: Collection[date], but: Collection[date] = ()) -> list[tuple[date, date]]:
    """Return the stretches of days, each with the small gaps that it spans, in which none of some others lies."""
    spans: list[tuple[date, date]] = []
    for day in sorted(days):
        if spans and day - spans[-1][1] <= GAP and not {*days_between(spans[-1][1], day)}.intersection(but):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
