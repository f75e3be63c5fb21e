"""Exact numbers of any range of days, with what is missing or may still change.

The one path to these numbers: `sequel-assets query` prints an answer, a notebook gets it as a frame. Each function reads
in the caller's reader, so that an answer is of one state of the warehouse. It never makes a request to Sequel.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.insights import ranges
from sequel_assets.insights.comparing import Side, select_comparison
from sequel_assets.insights.coverage import Coverage, judge, select_coverage, select_members
from sequel_assets.insights.periods import COMPARED_WITH, Days, other, to_date
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries import usage_counts
from sequel_assets.queries.errors import QueryError
from sequel_assets.queries.usage_counts import usage_query
from sequel_assets.refresh.core.outcomes import UNTIL_ACCEPTED
from sequel_assets.warehouse.database.reader import Reader
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import HUB, event_concurrency, event_participants, problems
from sequel_assets.warehouse.tables.types import UtcDateTime

MINUTES_OF_PEOPLE = frozenset({event_participants.name})
MINUTES_OF_STAGES = frozenset({event_concurrency.name})


@dataclass(frozen=True)
class QueryAnswer:
    """The rows that a query found, about whom, and how complete they are."""

    title: str
    columns: Sequence[sa.ColumnElement[Any]]
    rows: Sequence[Sequence[Any]]
    company: KnownCompany
    scope: Scope
    coverage: Coverage
    quarantined: Sequence[date] = ()
    """Days with a slice of what is counted whose newer numbers are quarantined."""
    earlier: Mapping[Days, Coverage] = field(default_factory=dict)
    """How complete the ranges are that it is compared with."""

    def about(self) -> dict[str, Any]:
        """Return whom and what it is about and how complete it is, as plain values for JSON."""
        company, scope, coverage = self.company, self.scope, self.coverage
        return {
            "company_id": company.company_id,
            "company": company.partition_key,
            "beneath": scope.includes_sub_companies,
            "companies": coverage.companies,
            "from": scope.days.first.isoformat(),
            "to": scope.days.last.isoformat(),
            "event_type": scope.event_type,
            "engagement_type": scope.engagement_type,
        } | completeness(coverage, self.quarantined)


def completeness(coverage: Coverage, quarantined: Collection[date]) -> dict[str, Any]:
    """Return how complete numbers are, as plain values for JSON."""
    return {
        "complete": coverage.is_complete,
        "data_through": coverage.data_through.isoformat() if coverage.data_through else None,
        "missing_days": [day.isoformat() for day in coverage.missing],
        "not_closed_days": [day.isoformat() for day in coverage.not_closed],
        "quarantined_days": [day.isoformat() for day in quarantined],
    }


def usage(reader: Reader, company: KnownCompany, scope: Scope) -> QueryAnswer:
    """Return minutes, people and events of a company."""

    def select(scope: Scope) -> Any:
        return usage_query(reader, scope)

    return _answer(reader, company, scope, "Usage", MINUTES_OF_PEOPLE, select)


def participants(
    reader: Reader, company: KnownCompany, scope: Scope, limit: int | None, *, with_people: bool
) -> QueryAnswer:
    """Return the engaged people, all of them or the first `limit`; names and e-mails only with `with_people`."""

    def select(scope: Scope) -> Any:
        return ranges.select_people(scope, limit, with_people=with_people)

    title = "Top participants" if limit else "Participants"
    return _answer(reader, company, scope, title, MINUTES_OF_PEOPLE, select)


def peak(reader: Reader, company: KnownCompany, scope: Scope) -> QueryAnswer:
    """Return the highest number of people who watched in the same minute."""
    if not has_peak(scope.event_type, scope.engagement_type):
        raise QueryError(
            "a peak is of the live minutes of stage events: Sequel has no concurrency of hubs or replays; "
            f"leave out the event type {HUB} and the engagement type {ranges.ON_DEMAND}"
        )
    return _answer(reader, company, scope, "Peak concurrency", MINUTES_OF_STAGES, ranges.select_peak)


def rollup(reader: Reader, company: KnownCompany, scope: Scope) -> QueryAnswer:
    """Return usage and peak of a company with its descendants."""
    with_peak = has_peak(scope.event_type, scope.engagement_type)
    datasets = MINUTES_OF_PEOPLE | (MINUTES_OF_STAGES if with_peak else set())
    query, coverage = usage_query(reader, scope), read_coverage(reader, scope, datasets)
    rows = reader.execute(query).all()
    peaks = reader.execute(ranges.select_peak(scope)).all() if with_peak else []
    peak_of_stages = tuple(peaks[0]) if peaks else (None, None)
    more: list[sa.ColumnElement[Any]] = [
        sa.column("companies", sa.BigInteger), sa.column("peak_users", sa.BigInteger),
        sa.column("peak_at", UtcDateTime), sa.column("data_through", UtcDateTime),
    ]  # fmt: skip
    full = [
        (*row, coverage.companies, *(peak_of_stages if row[0] != HUB else (None, None)), coverage.data_through)
        for row in rows
    ]
    columns = [*query.selected_columns, *more]
    held = quarantined_days(reader, scope, datasets)
    return QueryAnswer("Roll-up", columns, full, company, scope, coverage, held)


def compare(reader: Reader, company: KnownCompany, scope: Scope, period: str, start: date) -> QueryAnswer:
    """Return the period up to the scope's day against as many days of the one before and of the one a year before."""
    columns, rows, coverages = comparison(reader, scope, period, start)
    (days, coverage), *before = coverages.items()
    counted = replace(scope, days=days)
    held = quarantined_days(reader, counted, MINUTES_OF_PEOPLE)
    return QueryAnswer("Comparison", columns, rows, company, counted, coverage, held, dict(before))


def comparison(
    reader: Reader, scope: Scope, period: str, start: date
) -> tuple[list[sa.ColumnElement[Any]], list[sa.Row[Any]], dict[Days, Coverage]]:
    """Return columns, rows (one per comparison) and the coverage of each range, that of the current period first."""
    coverages: dict[Days, Coverage] = {}

    def side(days: Days) -> Side:
        counted = replace(scope, days=Days(max(days.first, start), days.last))
        coverages[days] = its = read_coverage(reader, counted, MINUTES_OF_PEOPLE, days)
        counts = usage_counts.counted(reader, counted)
        return Side(days, counted, its.data_through is not None, its.is_complete, counts[0] if counts else None)

    day = scope.days.last
    now = side(to_date(period, day))
    selects = [select_comparison(period, how, now, side(other(period, how, day))) for how in COMPARED_WITH]
    return list(selects[0].selected_columns), [reader.execute(one).one() for one in selects], coverages


def days_compared(period: str, day: date) -> Days:
    """Return all days from the first to the last that a comparison of the period up to a day reads."""
    sides = [to_date(period, day), *(other(period, how, day) for how in COMPARED_WITH)]
    return Days(min(side.first for side in sides), max(side.last for side in sides))


def has_peak(event_type: str, engagement_type: str) -> bool:
    """Say whether a filter leaves minutes that Sequel has the concurrency of."""
    return event_type != HUB and engagement_type != ranges.ON_DEMAND


def read_coverage(reader: Reader, scope: Scope, datasets: Collection[str], days: Days | None = None) -> Coverage:
    """Return the coverage of a scope by the datasets that it is counted from; `days` may be wider than the scope's."""
    members = [tuple(row) for row in reader.execute(select_members(scope))]
    return judge(days or scope.days, members, [tuple(r) for r in reader.execute(select_coverage(scope, datasets))])


def quarantined_days(reader: Reader, scope: Scope, datasets: Collection[str]) -> list[date]:
    """Return the days of a scope on which newer numbers of these datasets are quarantined."""
    p = problems.c
    members = sorted({row.company_id for row in reader.execute(select_members(scope))})
    held = (p.reason.contains(UNTIL_ACCEPTED), p.dataset.in_(datasets), among(p.company_id, members))
    query = sa.select(p.day).where(*held, p.day.between(scope.days.first, scope.days.last)).distinct().order_by(p.day)
    return list(reader.scalars(query))


def _answer(
    reader: Reader,
    company: KnownCompany,
    scope: Scope,
    title: str,
    datasets: Collection[str],
    select: Callable[[Scope], Any],
) -> QueryAnswer:
    query, coverage = select(scope), read_coverage(reader, scope, datasets)
    rows = reader.execute(query).all()
    held = quarantined_days(reader, scope, datasets)
    return QueryAnswer(title, list(query.selected_columns), rows, company, scope, coverage, held)
