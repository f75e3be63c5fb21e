"""Which runs an hour needs: one for each bundle of companies, and others for older days, so that these delay no one.

Pure.

The hour's run takes what most companies owe: today, the day that has just closed, the day that has turned final. What some
owe besides (say, a backfill left a gap, or an event of three weeks ago fails every time) has runs of its own, so that it
neither delays nor fails the others; those that owe the same days share one, as the companies of a lost bundle do.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.partitions import RANGE_END, RANGE_START

T = TypeVar("T")
MAX_DAYS = 31
"""Days that the run of the hour reaches back to at most."""
MAX_OLDER_RUNS = 20
"""Runs for older days that one tick requests; the next ticks go on with others."""


@dataclass(frozen=True)
class Work:
    """What a run is to refresh: of these companies (partition keys) whatever is due of these days."""

    companies: tuple[str, ...]
    days: tuple[date, ...]
    is_older: bool = False

    def overlaps(self, other: "Work") -> bool:
        """Say whether both are about any slice."""
        return not {*self.companies}.isdisjoint(other.companies) and not {*self.days}.isdisjoint(other.days)

    def tags(self) -> dict[str, str]:
        """Return the tags of its run."""
        kind = {run_tags.HOURLY: run_tags.OLDER} if self.is_older else {run_tags.HOURLY: run_tags.ON} | run_tags.URGENT
        return run_tags.of_slices(self.companies, self.days) | kind

    def config(self) -> dict[str, list[str]]:
        """Return the config of its run's op."""
        return {"companies": list(self.companies), "days": [day.isoformat() for day in self.days]}

    def run_key(self, hour: datetime) -> str:
        """Return a key that no other work of the hour has."""
        content = hashlib.sha256(repr((self.companies, self.days)).encode()).hexdigest()[:16]
        return f"hour-{hour:%Y%m%d%H}-{content}"


def decide_hour(
    companies: Sequence[str],
    due: Mapping[str, Collection[date]],
    under_way: Sequence[Work],
    hour: datetime,
    today: date,
    companies_per_run: int,
) -> list[Work] | dg.SkipReason:
    """Return the work of an hour, that of today first. Pure.

    `companies` are Dagster's partitions, `due` the days that each has to be fetched for, `under_way` what runs that have not
    ended are about: a company that an earlier hour's run is still at has no second one, and older days are not requested
    beside a run that is at them.
    """
    if not companies:
        return dg.SkipReason("no company is known yet; the sensor new_companies finds them")
    owing = {key: frozenset(due[key]) for key in companies if due.get(key)}
    if not owing:
        return dg.SkipReason(f"every company has this hour already, through {hour:%Y-%m-%d %H:%M} UTC")
    common = common_days(owing, len(companies), today)
    at_work = {key for work in under_way if not work.is_older and today in work.days for key in work.companies}
    of_the_hour = [key for key, days in owing.items() if not common.isdisjoint(days) and key not in at_work]
    days = tuple(sorted(common))
    found = [Work(tuple(keys), days) for keys in bundles(of_the_hour, companies_per_run)]
    rest = {key: theirs - common for key, theirs in owing.items()}
    alone = [Work((key,), tuple(sorted(theirs)), is_older=True) for key, theirs in rest.items() if theirs]
    older = list(_together([one for one in alone if not any(map(one.overlaps, under_way))], companies_per_run))
    found += in_turn(older, hour, MAX_OLDER_RUNS)
    return found or dg.SkipReason("what is due is being fetched by runs that are under way")


def common_days(owing: Mapping[str, Collection[date]], companies: int, today: date) -> frozenset[date]:
    """Return the days of the hour: today, and what is due of the last weeks for more than half of the companies."""
    times = Counter(day for days in owing.values() for day in days)
    first = today - timedelta(days=MAX_DAYS)
    return frozenset({today, *(day for day, count in times.items() if 2 * count > companies and day > first)})


def in_turn(all_of_them: Sequence[T], now: datetime, at_once: int) -> list[T]:
    """Return those whose turn it is: all where there are few, else others every hour until each had its turn. Pure."""
    number = len(all_of_them)
    if number <= at_once:
        return list(all_of_them)
    start = int(now.timestamp()) // 3600 * at_once
    return [all_of_them[(start + place) % number] for place in range(at_once)]


def bundles(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield the keys in as few bundles as their size allows, each about as large as the others."""
    number = -(-len(keys) // size)
    for place in range(number):
        yield keys[len(keys) * place // number : len(keys) * (place + 1) // number]


def works(runs: Iterable[dg.DagsterRun], op_name: str, companies: Sequence[str]) -> Iterator[Work]:
    """Yield what runs are about: those of the hour by their config, those over a range of partitions by their tags."""
    place = {key: number for number, key in enumerate(companies)}
    for run in runs:
        ops: Any = run.run_config.get("ops", {})
        config = ops.get(op_name, {}).get("config", {})
        if config.get("companies"):
            days = tuple(date.fromisoformat(day) for day in config.get("days", ()))
            yield Work(tuple(config["companies"]), days, run.tags.get(run_tags.HOURLY) == run_tags.OLDER)
            continue
        one = run.tags.get("dagster/partition")
        first_company, _, first = run.tags.get(RANGE_START, one or "").rpartition("|")
        last_company, _, last = run.tags.get(RANGE_END, one or "").rpartition("|")
        if first_company in place and last_company in place:
            between = tuple(companies[place[first_company] : place[last_company] + 1])
            yield Work(between, _days(date.fromisoformat(first), date.fromisoformat(last)), is_older=True)


def _together(works: Iterable[Work], size: int) -> Iterator[Work]:
    """Yield works of single companies, those of the same days in one run: a lost bundle's companies owe the same day."""
    keys: dict[tuple[date, ...], list[str]] = {}
    for work in works:
        keys.setdefault(work.days, []).extend(work.companies)
    for days, theirs in keys.items():
        yield from (Work(tuple(bundle), days, is_older=True) for bundle in bundles(theirs, size))


def _days(first: date, last: date) -> tuple[date, ...]:
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))
