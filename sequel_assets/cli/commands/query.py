"""`sequel-assets query`: exact numbers of any range, and how far they can be relied on."""

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
    """What the command line says."""

    settings: Settings
    company: str
    first: str
    last: str
    form: str
    out: str
    includes_sub_companies: bool = False
    event_type: str = ALL
    engagement_type: str = ALL
    options: tuple[str, str] = ("--from", "--to")
    """What the first and the last day are called there."""
    has_mark: bool = False
    """Whether a CSV begins with a byte order mark."""

    def days(self) -> Days:
        """Return the days; wrong ones are refused by name."""
        first, last = (parse_day(*one) for one in zip((self.first, self.last), self.options, strict=True))
        check_range(self.settings, first, last, self.options)
        return Days(first, last)


@dataclass(frozen=True)
class QueryAnswer:
    """What a query found, and how it is told."""

    title: str
    columns: Sequence[sa.ColumnElement[Any]]
    rows: Sequence[Sequence[Any]]
    is_tall: bool = False
    """Whether a table has a line for each column: there are many columns and few rows."""


def usage(asked: QueryArguments) -> int:
    """Answer how much a company was used."""
    return _answer(asked, "Usage", MINUTES_OF_PEOPLE, ranges.select_usage)


def people(asked: QueryArguments, most: int | None, *, with_people: bool) -> int:
    """Answer who was engaged, all of them or the first ones."""

    def ask(scope: Scope) -> Any:
        return ranges.select_people(scope, most, with_people=with_people)

    return _answer(asked, "Top participants" if most else "Participants", MINUTES_OF_PEOPLE, ask)


def peak(asked: QueryArguments) -> int:
    """Answer how many people watched at the same time at the most."""
    if not _has_peak(asked):
        raise UsageError(
            "query peak counts the live minutes of stage events: Sequel tells no concurrency of hubs or replays; "
            f"leave out --event-type {HUB} and --engagement-type {ranges.ON_DEMAND}"
        )
    return _answer(asked, "Peak concurrency", MINUTES_OF_STAGES, ranges.select_peak)


def rollup(asked: QueryArguments) -> int:
    """Answer how much a company was used with all beneath it, and when the most were there."""
    has_peak = _has_peak(asked)
    with opened(asked) as (connection, company, scope):
        coverage = covered(connection, scope, MINUTES_OF_PEOPLE | (MINUTES_OF_STAGES if has_peak else set()))
        query = ranges.select_usage(scope)
        rows = connection.execute(query).all()
        peaks = connection.execute(ranges.select_peak(scope)).all() if has_peak else []
    at_most = tuple(peaks[0]) if peaks else (None, None)
    more: list[sa.ColumnElement[Any]] = [
        sa.column("companies", sa.BigInteger), sa.column("peak_users", sa.BigInteger), sa.column("peak_at", UtcDateTime),
        sa.column("data_through", UtcDateTime),
    ]  # fmt: skip
    full = [
        (*row, coverage.companies, *(at_most if row[0] != HUB else (None, None)), coverage.data_through) for row in rows
    ]
    return write(asked, company, coverage, scope, QueryAnswer("Roll-up", [*query.selected_columns, *more], full))


def _has_peak(asked: QueryArguments) -> bool:
    """Say whether any of the minutes asked for are such as Sequel tells the concurrency of."""
    return asked.event_type != HUB and asked.engagement_type != ranges.ON_DEMAND


def _answer(asked: QueryArguments, what: str, datasets: Collection[str], ask: Callable[[Scope], Any]) -> int:
    with opened(asked) as (connection, company, scope):
        query = ask(scope)
        coverage = covered(connection, scope, datasets)
        rows = connection.execute(query).all()
    return write(asked, company, coverage, scope, QueryAnswer(what, list(query.selected_columns), rows))


@contextmanager
def opened(asked: QueryArguments) -> Iterator[tuple[sa.Connection, KnownCompany, Scope]]:
    """Yield the warehouse in one state, the company, and what is asked about."""
    days = asked.days()
    if asked.form == "table" and asked.out:
        raise UsageError("--out goes with --format csv, json or parquet; a table is for the terminal")
    if asked.form == "parquet" and not asked.out and sys.stdout.isatty():
        raise UsageError("--format parquet is not for a terminal; give --out FILE")
    if asked.has_mark and asked.form != "csv":
        raise UsageError("--bom goes with --format csv")
    with stored(asked.settings) as warehouse, warehouse.read() as connection:
        company = choose(catalog.known_companies(connection), [asked.company])[0]
        yield (
            connection,
            company,
            Scope(company.company_id, days, asked.includes_sub_companies, asked.event_type, asked.engagement_type),
        )


def covered(connection: sa.Connection, scope: Scope, datasets: Collection[str], days: Days | None = None) -> Coverage:
    """Return how far the numbers of a scope go that are counted from these datasets, or those of days around it."""
    members = [tuple(row) for row in connection.execute(select_members(scope))]
    return judge(days or scope.days, members, [tuple(r) for r in connection.execute(select_coverage(scope, datasets))])


def write(
    asked: QueryArguments,
    company: KnownCompany,
    coverage: Coverage,
    scope: Scope,
    answer: QueryAnswer,
    doubts: Sequence[str] = (),
) -> int:
    """Say what is doubted, write the answer in the form that is asked for, and return the exit code."""
    for line in (*doubts_of(coverage, scope.days), *doubts):
        errors().print(line)
    days = scope.days
    if asked.form == "table":
        title = f"{answer.title} of {company.partition_key}, {days.first} to {days.last}"
        title += ", with all beneath" if scope.includes_sub_companies else ""
        tabular.show(title, answer.columns, answer.rows, is_tall=answer.is_tall)
    elif asked.out:
        with replacing(Path(asked.out)) as file:
            _write_to(file, asked, company, coverage, scope, answer)
        console().print(f"{len(answer.rows)} rows in {asked.out}")
    elif asked.form == "csv" and sys.stdout.isatty():  # read by somebody, not by a program: what would turn it is shown
        held = BytesIO()
        _write_to(held, asked, company, coverage, scope, answer)
        sys.stdout.write(harmless(held.getvalue().decode()))
    else:
        _write_to(sys.stdout.buffer, asked, company, coverage, scope, answer)
        sys.stdout.buffer.flush()
    return 0


def _write_to(
    file: IO[bytes], asked: QueryArguments, company: KnownCompany, coverage: Coverage, scope: Scope, answer: QueryAnswer
) -> None:
    if asked.form == "json":
        file.write(_json(company, coverage, scope, answer))
    else:
        tabular.write(file, asked.form, answer.columns, answer.rows, asked.has_mark)


def _json(company: KnownCompany, coverage: Coverage, scope: Scope, answer: QueryAnswer) -> bytes:
    told = {
        "company_id": company.company_id,
        "company": company.partition_key,
        "beneath": scope.includes_sub_companies,
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
    return (json.dumps(told, indent=2)[:-2] + f',\n  "rows": {rows}\n}}\n').encode()


def doubts_of(coverage: Coverage, days: Days) -> list[str]:
    """Return, a line each, why the numbers are not the last word."""
    lines = []
    if coverage.missing:
        lines.append(
            f"incomplete: {len(coverage.missing)} of {len(days)} days have no facts of every company ({coverage.missing[0]} first): "
            "never asked, failed, or forgotten by Sequel; what is known is counted; see sequel-assets status"
        )
    if coverage.not_closed:
        through = f"{coverage.data_through:%Y-%m-%d %H:%M} UTC" if coverage.data_through else "nothing"
        lines.append(
            f"provisional: {len(coverage.not_closed)} of {len(days)} days have not closed ({coverage.not_closed[0]} first); "
            f"everything is counted through {through}"
        )
    return lines
