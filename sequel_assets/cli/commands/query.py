"""`sequel-assets query`: exact numbers of any range of days, with warnings where days are missing or have not closed.

It reads the warehouse in one transaction and never makes a request to Sequel. The answer goes to standard output (or a
file), warnings go to standard error, so that a pipe gets the answer alone.
"""

import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from sequel_assets.cli.support import tabular
from sequel_assets.cli.support.arguments import check_range, choose, parse_day
from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.terminal import UsageError, console, errors
from sequel_assets.cli.support.warehouse import stored
from sequel_assets.insights import ranges
from sequel_assets.insights.coverage import Coverage, judge, select_coverage, select_members
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.safety.visible import harmless
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
    form: str
    out: str
    with_descendants: bool = False
    event_type: str = ALL
    engagement_type: str = ALL
    options: tuple[str, str] = ("--from", "--to")
    """The options that name the first and the last day, for error messages."""
    has_mark: bool = False
    """Whether a CSV begins with a byte order mark."""

    def days(self) -> Days:
        """Return the days; a wrong one is refused by the name of its option."""
        first, last = (parse_day(*one) for one in zip((self.first, self.last), self.options, strict=True))
        check_range(self.settings, first, last, self.options)
        return Days(first, last)


@dataclass(frozen=True)
class QueryAnswer:
    """The rows that a query found, and how they are shown."""

    title: str
    columns: Sequence[sa.ColumnElement[Any]]
    rows: Sequence[Sequence[Any]]
    is_tall: bool = False
    """Whether a table has a line for each column: there are many columns and few rows."""


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
    with open_query(arguments) as (connection, company, scope):
        coverage = read_coverage(connection, scope, MINUTES_OF_PEOPLE | (MINUTES_OF_STAGES if has_peak else set()))
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
    return write_answer(
        arguments, company, coverage, scope, QueryAnswer("Roll-up", [*query.selected_columns, *more], full)
    )


def _has_peak(arguments: QueryArguments) -> bool:
    """Say whether the filter leaves minutes that Sequel has the concurrency of."""
    return arguments.event_type != HUB and arguments.engagement_type != ranges.ON_DEMAND


def _run_query(arguments: QueryArguments, what: str, datasets: Collection[str], select: Callable[[Scope], Any]) -> int:
    with open_query(arguments) as (connection, company, scope):
        query = select(scope)
        coverage = read_coverage(connection, scope, datasets)
        rows = connection.execute(query).all()
    return write_answer(arguments, company, coverage, scope, QueryAnswer(what, list(query.selected_columns), rows))


@contextmanager
def open_query(arguments: QueryArguments) -> Iterator[tuple[sa.Connection, KnownCompany, Scope]]:
    """Yield a connection that sees one state of the warehouse, the company, and the scope of the query."""
    days = arguments.days()
    if arguments.form == "table" and arguments.out:
        raise UsageError("--out goes with --format csv, json or parquet; a table is for the terminal")
    if arguments.form == "parquet" and not arguments.out and sys.stdout.isatty():
        raise UsageError("--format parquet is not for a terminal; give --out FILE")
    if arguments.has_mark and arguments.form != "csv":
        raise UsageError("--bom goes with --format csv")
    with stored(arguments.settings) as warehouse, warehouse.read() as connection:
        company = choose(catalog.known_companies(connection), [arguments.company])[0]
        yield (
            connection,
            company,
            Scope(
                company.company_id, days, arguments.with_descendants, arguments.event_type, arguments.engagement_type
            ),
        )


def read_coverage(
    connection: sa.Connection, scope: Scope, datasets: Collection[str], days: Days | None = None
) -> Coverage:
    """Return the coverage of a scope by the datasets that it is counted from; `days` may be wider than the scope's."""
    members = [tuple(row) for row in connection.execute(select_members(scope))]
    return judge(days or scope.days, members, [tuple(r) for r in connection.execute(select_coverage(scope, datasets))])


def write_answer(
    arguments: QueryArguments,
    company: KnownCompany,
    coverage: Coverage,
    scope: Scope,
    answer: QueryAnswer,
    warnings: Sequence[str] = (),
) -> int:
    """Print the warnings, write the answer in the requested format, and return the exit code."""
    for line in (*coverage_warnings(coverage, scope.days), *warnings):
        errors().print(line)
    days = scope.days
    if arguments.form == "table":
        title = f"{answer.title} of {company.partition_key}, {days.first} to {days.last}"
        title += ", with all sub-companies" if scope.is_tree else ""
        tabular.show(title, answer.columns, answer.rows, is_tall=answer.is_tall)
    elif arguments.out:
        with replacing(Path(arguments.out)) as file:
            _write_to(file, arguments, company, coverage, scope, answer)
        console().print(f"{len(answer.rows)} rows in {arguments.out}")
    elif (
        arguments.form == "csv" and sys.stdout.isatty()
    ):  # a terminal would act on controls that a CSV keeps, such as those that reverse text
        buffer = BytesIO()
        _write_to(buffer, arguments, company, coverage, scope, answer)
        sys.stdout.write(harmless(buffer.getvalue().decode()))
    else:
        _write_to(sys.stdout.buffer, arguments, company, coverage, scope, answer)
        sys.stdout.buffer.flush()
    return 0


def _write_to(
    file: IO[bytes],
    arguments: QueryArguments,
    company: KnownCompany,
    coverage: Coverage,
    scope: Scope,
    answer: QueryAnswer,
) -> None:
    if arguments.form == "json":
        file.write(_json(company, coverage, scope, answer))
    else:
        tabular.write(file, arguments.form, answer.columns, answer.rows, arguments.has_mark)


def _json(company: KnownCompany, coverage: Coverage, scope: Scope, answer: QueryAnswer) -> bytes:
    head = {
        "company_id": company.company_id,
        "company": company.partition_key,
        "beneath": scope.is_tree,
        "companies": coverage.companies,
        "from": scope.days.first.isoformat(),
        "to": scope.days.last.isoformat(),
        "event_type": scope.event_type,
        "engagement_type": scope.engagement_type,
        "complete": coverage.is_complete,
        "data_through": coverage.data_through.isoformat() if coverage.data_through else None,
        "missing_days": [day.isoformat() for day in coverage.missing],
        "not_closed_days": [day.isoformat() for day in coverage.not_closed],
    }
    rows = tabular.as_json(tabular.schema_of(answer.columns), answer.rows)
    return (json.dumps(head, indent=2)[:-2] + f',\n  "rows": {rows}\n}}\n').encode()


def coverage_warnings(coverage: Coverage, days: Days) -> list[str]:
    """Return a line for each reason why the numbers may still change."""
    lines = []
    if coverage.missing:
        lines.append(
            f"incomplete: {len(coverage.missing)} of {len(days)} days have no facts of every company "
            f"({coverage.missing[0]} first): never requested, failed, or forgotten by Sequel; what is known is "
            "counted; "
            "see sequel-assets status"
        )
    if coverage.not_closed:
        through = f"{coverage.data_through:%Y-%m-%d %H:%M} UTC" if coverage.data_through else "nothing"
        lines.append(
            f"provisional: {len(coverage.not_closed)} of {len(days)} days have not closed ({coverage.not_closed[0]} "
            "first); "
            f"everything is counted through {through}"
        )
    return lines
