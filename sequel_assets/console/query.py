"""`sequel-assets query`: exact numbers of any range, and how far they can be relied on."""

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from sequel_assets.insights import ranges
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Coverage, Scope
from sequel_assets.settings import Settings
from sequel_assets.warehouse import catalog
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.tables import ALL, STAGE, event_concurrency, event_participants
from sequel_assets.warehouse.types import UtcDateTime

from . import tabular
from .asked import check_range, choose, parse_day
from .output import UsageError, console, errors
from .stored import stored


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    settings: Settings
    company: str
    first: str
    last: str
    form: str
    out: str
    is_tree: bool = False
    event_type: str = ALL
    engagement_type: str = ALL

    def days(self) -> Days:
        """Return the days; wrong ones are refused by name."""
        first, last = parse_day(self.first, "--from"), parse_day(self.last, "--to")
        check_range(self.settings, first, last)
        return Days(first, last)


@dataclass(frozen=True)
class _Answer:
    title: str
    columns: Sequence[sa.ColumnElement[Any]]
    rows: Sequence[Sequence[Any]]


def usage(asked: Asked) -> int:
    """Answer how much a company was used."""
    return _answer(asked, "Usage", event_participants.name, ranges.select_usage)


def people(asked: Asked, most: int | None, *, with_people: bool) -> int:
    """Answer who was engaged, all of them or the first ones."""

    def ask(scope: Scope) -> Any:
        return ranges.select_people(scope, most, with_people=with_people)

    return _answer(asked, "Top participants" if most else "Participants", event_participants.name, ask)


def peak(asked: Asked) -> int:
    """Answer how many people watched at the same time at the most."""
    return _answer(asked, "Peak concurrency", event_concurrency.name, ranges.select_peak)


def rollup(asked: Asked) -> int:
    """Answer how much a company was used with all beneath it, and when the most were there."""
    scope, company, coverage, found = _read(asked, event_participants.name, [ranges.select_usage, ranges.select_peak])
    (columns, rows), (_, peaks) = found
    has_peak = scope.engagement_type != ranges.ON_DEMAND
    at_most = tuple(peaks[0]) if peaks and has_peak else (None, None)
    more: list[sa.ColumnElement[Any]] = [
        sa.column("companies", sa.BigInteger), sa.column("peak_users", sa.BigInteger), sa.column("peak_at", UtcDateTime),
        sa.column("data_through", UtcDateTime),
    ]  # fmt: skip
    of_stages = (ALL, STAGE)
    full = [
        (*row, coverage.companies, *(at_most if row[0] in of_stages else (None, None)), coverage.data_through)
        for row in rows
    ]
    return _write(asked, company, coverage, scope, _Answer("Roll-up", [*columns, *more], full))


def _answer(asked: Asked, what: str, dataset: str, ask: Any) -> int:
    scope, company, coverage, [(columns, rows)] = _read(asked, dataset, [ask])
    return _write(asked, company, coverage, scope, _Answer(what, columns, rows))


def _read(asked: Asked, dataset: str, selects: Sequence[Any]) -> tuple[Scope, KnownCompany, Coverage, list[Any]]:
    """Return the scope, the company, how far the numbers go, and of each SELECT its columns and rows: one state of all."""
    days = asked.days()
    _refuse_parquet_in_terminal(asked)
    with stored(asked.settings) as warehouse, warehouse.read() as connection:
        company = choose(catalog.known_companies(connection), [asked.company])[0]
        scope = Scope(company.company_id, days, asked.is_tree, asked.event_type, asked.engagement_type)
        coverage = ranges.judge(
            days,
            [tuple(row) for row in connection.execute(ranges.select_members(scope))],
            [tuple(row) for row in connection.execute(ranges.select_coverage(scope, dataset))],
        )
        found = []
        for select in selects:
            query = select(scope)
            found.append((list(query.selected_columns), connection.execute(query).all()))
    return scope, company, coverage, found


def _write(asked: Asked, company: KnownCompany, coverage: Coverage, scope: Scope, answer: _Answer) -> int:
    for line in _doubts(coverage, scope.days):
        errors().print(line, markup=False)
    days = scope.days
    if asked.form == "table":
        if asked.out:
            raise UsageError("--out goes with --format csv, json or parquet; a table is for the terminal")
        title = f"{answer.title} of {company.partition_key}, {days.first} to {days.last}"
        tabular.show(title + (", with all beneath" if scope.is_tree else ""), answer.columns, answer.rows)
        return 0
    place: Any = Path(asked.out).open("wb") if asked.out else nullcontext(sys.stdout.buffer)  # noqa: SIM115 - the next line closes it
    with place as file:
        if asked.form == "json":
            file.write(_json(company, coverage, scope, answer))
        else:
            tabular.write(file, asked.form, answer.columns, answer.rows)
        _flush(file)
    if asked.out:
        console().print(f"{len(answer.rows)} rows in {asked.out}", markup=False)
    return 0


def _json(company: KnownCompany, coverage: Coverage, scope: Scope, answer: _Answer) -> bytes:
    told = {
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
    return (json.dumps(told, indent=2)[:-2] + f',\n  "rows": {rows}\n}}\n').encode()


def _doubts(coverage: Coverage, days: Days) -> list[str]:
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


def _refuse_parquet_in_terminal(asked: Asked) -> None:
    if asked.form == "parquet" and not asked.out and sys.stdout.isatty():
        raise UsageError("--format parquet is not for a terminal; give --out FILE")


def _flush(file: IO[bytes]) -> None:
    if not file.closed:
        file.flush()
