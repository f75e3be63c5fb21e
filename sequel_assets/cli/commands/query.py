"""`sequel-assets query`: exact numbers of any range of days, with warnings where days are missing or have not closed.

It reads the warehouse in one transaction and never makes a request to Sequel.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.commands.query_output import QueryAnswer, QueryOutput, coverage_warnings, write_answer
from sequel_assets.cli.support.arguments import check_range, choose, parse_day
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.cli.support.warehouse import stored
from sequel_assets.insights import ranges
from sequel_assets.insights.comparing import Side, select_comparison
from sequel_assets.insights.coverage import Coverage, judge, select_coverage, select_members
from sequel_assets.insights.periods import COMPARED_WITH, Days, other, to_date
from sequel_assets.insights.ranges import Scope
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import ALL, HUB, event_concurrency, event_participants
from sequel_assets.warehouse.tables.types import UtcDateTime

MINUTES_OF_PEOPLE = frozenset({event_participants.name})
MINUTES_OF_STAGES = frozenset({event_concurrency.name})


@dataclass(frozen=True)
class QueryArguments:
    """The arguments of the command line."""

    settings: Settings
    company: str
    first: str
    last: str
    output: QueryOutput
    with_descendants: bool = False
    event_type: str = ALL
    engagement_type: str = ALL
    options: tuple[str, str] = ("--from", "--to")
    """The options that name the first and the last day, for error messages."""

    def days(self) -> Days:
        """Return the days; a wrong one is refused by the name of its option."""
        first, last = (parse_day(*one) for one in zip((self.first, self.last), self.options, strict=True))
        check_range(self.settings, first, last, self.options)
        return Days(first, last)


def usage(arguments: QueryArguments) -> int:
    """Print minutes, people and events of a company."""
    return _run_query(arguments, "Usage", MINUTES_OF_PEOPLE, ranges.select_usage)


def people(arguments: QueryArguments, limit: int | None, *, with_people: bool) -> int:
    """Print the engaged people, all of them or the first `limit`."""

    def select(scope: Scope) -> Any:
        return ranges.select_people(scope, limit, with_people=with_people)

    return _run_query(arguments, "Top participants" if limit else "Participants", MINUTES_OF_PEOPLE, select)


def peak(arguments: QueryArguments) -> int:
    """Print the highest number of people who watched in the same minute."""
    if not _has_peak(arguments):
        raise UsageError(
            "query peak counts the live minutes of stage events: Sequel has no concurrency of hubs or replays; "
            f"leave out --event-type {HUB} and --engagement-type {ranges.ON_DEMAND}"
        )
    return _run_query(arguments, "Peak concurrency", MINUTES_OF_STAGES, ranges.select_peak)


def rollup(arguments: QueryArguments) -> int:
    """Print usage and peak of a company with its descendants."""
    has_peak = _has_peak(arguments)
    with _open_query(arguments) as (connection, company, scope):
        coverage = _read_coverage(connection, scope, MINUTES_OF_PEOPLE | (MINUTES_OF_STAGES if has_peak else set()))
        query = ranges.select_usage(scope)
        rows = connection.execute(query).all()
        peaks = connection.execute(ranges.select_peak(scope)).all() if has_peak else []
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
    write_answer(arguments.output, QueryAnswer("Roll-up", columns, full, company, scope, coverage))
    return 0


def compare(arguments: QueryArguments, period: str) -> int:
    """Print the period up to the day against as many days of the one before and of the one a year before."""
    with _open_query(arguments) as (connection, company, scope):
        columns, rows, coverages = comparison(connection, scope, period, arguments.settings.start_date)
    (days, coverage), *before = coverages.items()
    warnings = [
        f"{earlier.first} to {earlier.last}: {line}"
        for earlier, its in before
        for line in coverage_warnings(its, earlier)
    ]
    answer = QueryAnswer("Comparison", columns, rows, company, replace(scope, days=days), coverage)
    write_answer(arguments.output, answer, warnings, is_tall=True)
    return 0


def comparison(
    connection: sa.Connection, scope: Scope, period: str, start: date
) -> tuple[list[sa.ColumnElement[Any]], list[sa.Row[Any]], dict[Days, Coverage]]:
    """Return columns, rows (one per comparison) and the coverage of each range, that of the current period first."""
    coverages: dict[Days, Coverage] = {}

    def side(days: Days) -> Side:
        counted = replace(scope, days=Days(max(days.first, start), days.last))
        coverages[days] = its = _read_coverage(connection, counted, MINUTES_OF_PEOPLE, days)
        return Side(days, counted, its.data_through is not None, its.is_complete)

    day = scope.days.last
    now = side(to_date(period, day))
    selects = [select_comparison(period, how, now, side(other(period, how, day))) for how in COMPARED_WITH]
    return list(selects[0].selected_columns), [connection.execute(one).one() for one in selects], coverages


def _has_peak(arguments: QueryArguments) -> bool:
    """Say whether the filter leaves minutes that Sequel has the concurrency of."""
    return arguments.event_type != HUB and arguments.engagement_type != ranges.ON_DEMAND


def _run_query(arguments: QueryArguments, title: str, datasets: Collection[str], select: Callable[[Scope], Any]) -> int:
    with _open_query(arguments) as (connection, company, scope):
        query = select(scope)
        coverage = _read_coverage(connection, scope, datasets)
        rows = connection.execute(query).all()
    columns = list(query.selected_columns)
    write_answer(arguments.output, QueryAnswer(title, columns, rows, company, scope, coverage))
    return 0


@contextmanager
def _open_query(arguments: QueryArguments) -> Iterator[tuple[sa.Connection, KnownCompany, Scope]]:
    """Yield a connection that sees one state of the warehouse, the company, and the scope of the query."""
    days = arguments.days()
    arguments.output.check()
    with stored(arguments.settings) as warehouse, warehouse.read() as connection:
        company = choose(catalog.known_companies(connection), [arguments.company])[0]
        counted = (arguments.with_descendants, arguments.event_type, arguments.engagement_type)
        yield connection, company, Scope(company.company_id, days, *counted)


def _read_coverage(
    connection: sa.Connection, scope: Scope, datasets: Collection[str], days: Days | None = None
) -> Coverage:
    """Return the coverage of a scope by the datasets that it is counted from; `days` may be wider than the scope's."""
    members = [tuple(row) for row in connection.execute(select_members(scope))]
    return judge(days or scope.days, members, [tuple(r) for r in connection.execute(select_coverage(scope, datasets))])
