"""Deriving the roll-ups: a company with all its sub-companies, once all of them have their facts of a day.

Any run may be the one that completes a company hierarchy, so each looks, at its end, at the days that it touched and
that are over, and at those of which a company's facts are newer than a roll-up. An ordinary hour touches none and has
nothing to look at. An open day has roll-ups where it was requested in full, of all companies.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.insights.company_rollup import COMPANY_ROLLUP, company_rollup
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus, all_failed
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.core.slice_summary import outcome_of
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.transform.derive import WantedSlice
from sequel_assets.refresh.transform.rollup_plan import (
    SOURCES,
    Hierarchies,
    Key,
    Slices,
    days_behind,
    is_behind,
    read_hierarchies,
    read_slices,
    wanted_rollups,
)
from sequel_assets.refresh.transform.select import rows_by_day
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.slices.decisions import SliceUpdate, day_end
from sequel_assets.warehouse.slices.replacement import SliceResult, replace_slices
from sequel_assets.warehouse.stores import problems
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import NO_DAY

Requested = Mapping[str, Mapping[date, DayCoverage]]
"""company -> its days, each with how it is requested."""


class RollUps:
    """Watches a refresh and derives, at its end, what its outcomes let be derived.

    Of the days requested of a company its own roll-up has an outcome in any case, of others what changed.
    """

    def __init__(self, warehouse: Warehouse, requested: Requested, run_info: RunInfo) -> None:
        self._warehouse, self._requested, self._run_info = warehouse, requested, run_info
        self._even_open = {
            day for days in requested.values() for day, coverage in days.items() if coverage is not DayCoverage.ACTIVE
        }
        over = {day for days in requested.values() for day in days if day_end(day) <= run_info.through}
        self._touched = self._even_open | over
        self._is_ordinary_hour = any(requested.values()) and not self._touched
        self._failed: dict[Key, Outcome] = {}

    def leave_out(self, company_id: str) -> None:
        """Leave out a company whose slices all have their outcome: it could not be refreshed at all."""
        self._requested = {at: days for at, days in self._requested.items() if at != company_id}

    def watch(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield the outcomes as they come, remembering the days that they concern and what failed."""
        for outcome in outcomes:
            if outcome.dataset in SOURCES and outcome.verdict is SliceStatus.FAILED:
                self._failed[outcome.company_id, outcome.day] = outcome
            elif outcome.verdict is SliceStatus.DONE and day_end(outcome.day) <= self._run_info.through:
                self._touched.add(outcome.day)
            yield outcome

    def derive(self, fatal: Exception | None = None) -> Iterator[Outcome]:
        """Derive every roll-up that is behind and yield what became of it, and of those requested.

        Where the run ended for all (`fatal`) nothing is derived, and those requested say why.
        """
        if fatal is not None:
            yield from self._all_failed(fatal)
            return
        if self._is_ordinary_hour and not self._touched:
            return
        try:
            yield from self._derive_all()
        except WarehouseError as error:
            yield from self._all_failed(error)

    def _all_failed(self, error: Exception) -> Iterator[Outcome]:
        for company_id, days in self._requested.items():
            yield from all_failed(company_id, days, str(error), [company_rollup.name])

    def _derive_all(self) -> Iterator[Outcome]:
        days, hierarchies, slices = self._warehouse.ask(self._read)
        wanted, waiting = wanted_rollups(hierarchies, slices, days)
        due: dict[str, list[date]] = {}
        for company_id, day in self._due(wanted, slices):
            due.setdefault(company_id, []).append(day)
        for company_id in due:
            yield from self._derive(hierarchies, company_id, due[company_id])
        yield from self._waiting(hierarchies, waiting)
        _note(self._warehouse, hierarchies, waiting, self._run_info)

    def _read(self, connection: sa.Connection) -> tuple[list[date], Hierarchies, Slices]:
        days = sorted({*self._touched, *days_behind(connection)})
        return days, read_hierarchies(connection), read_slices(connection, days)

    def _due(self, wanted: Mapping[Key, WantedSlice], slices: Slices) -> list[Key]:
        return [
            key
            for key, want in wanted.items()
            if (want.is_owed(COMPANY_ROLLUP) or key[1] in self._even_open)
            and (is_behind(slices, key, want) or key[1] in self._requested.get(key[0], ()))
        ]

    def _derive(self, hierarchies: Hierarchies, company_id: str, days: Collection[date]) -> Iterator[Outcome]:
        """Derive a company's roll-ups from one state of its sub-companies, taken once the company's lock is held."""
        for result in self._replace(hierarchies, company_id, days):
            failed = self._failed.get((company_id, result.day))
            if failed is None:
                yield outcome_of(company_id, result)
            elif result.day in self._requested.get(company_id, ()):
                why = f"its {failed.dataset} failed: {failed.reason}"
                yield Outcome(company_id, company_rollup.name, result.day, SliceStatus.FAILED, why)

    @repeats
    def _replace(self, hierarchies: Hierarchies, company_id: str, days: Collection[date]) -> list[SliceResult]:
        members = {member for day in days for member in hierarchies.members_on(day)[company_id]}
        with self._warehouse.write(company_id) as connection, self._warehouse.read() as state:
            slices = read_slices(state, days, members)
            wanted, _ = wanted_rollups(hierarchies.only(members), slices, days)
            mine = {day: wanted[of, day] for of, day in self._due(wanted, slices) if of == company_id}
            return replace_slices(
                connection,
                company_id,
                _updates(state, company_id, mine, slices),
                at=self._run_info.at,
                late_window=self._run_info.late_window,
                run_id=self._run_info.run_id,
            )

    def _waiting(self, hierarchies: Hierarchies, waiting: Mapping[Key, str]) -> Iterator[Outcome]:
        """Yield that requested roll-ups must wait: for a company of this refresh, another run would not bring it."""
        for (company_id, day), missing in waiting.items():
            is_unread = missing in hierarchies.unread
            if day in self._requested.get(company_id, ()) and (missing in self._requested or is_unread):
                why = _UNREAD.format(missing) if is_unread else f"{missing} has no {_FACTS} of {day} yet"
                failed = self._failed.get((company_id, day))
                verdict = SliceStatus.FAILED if failed else SliceStatus.WAITING
                why = f"its {failed.dataset} failed: {failed.reason}" if failed else why
                yield Outcome(company_id, company_rollup.name, day, verdict, why)


def _updates(
    state: sa.Connection, company_id: str, wanted: Mapping[date, WantedSlice], slices: Slices
) -> list[SliceUpdate]:
    """Return the updates of a company's roll-ups; where the facts are the same the bookkeeping alone moves on."""
    stored = {day: slices.get((company_id, company_rollup.name, day)) for day in wanted}
    outdated = sorted(
        day
        for day, want in wanted.items()
        if (have := stored[day]) is None or have.input_checksum != want.input_checksum
    )
    rows: Mapping[date, list[Any]] = rows_by_day(state, company_id, COMPANY_ROLLUP, outdated, NO_DAY)
    return [
        want.update_of(company_rollup, day, rows.get(day, []) if day in outdated else None)
        for day, want in sorted(wanted.items())
    ]


_FACTS = COMPANY_ROLLUP.sources_in_words
_UNREAD = "Sequel has never listed the sub-companies of {}"


@repeats
def _note(warehouse: Warehouse, hierarchies: Hierarchies, waiting: Mapping[Key, str], run_info: RunInfo) -> None:
    """Make each company's problem with its roll-ups what it is now: the first day that waits, and for whom."""
    days: dict[str, list[date]] = {}
    for (company_id, day), missing in sorted(waiting.items()):
        if missing != company_id:
            days.setdefault(company_id, []).append(day)
    with warehouse.read() as connection:
        noted = problems.companies_with(connection, company_rollup.name)
    for company_id in sorted({*noted, *days}):
        standing = []
        if company_id in days:
            day, more = days[company_id][0], len(days[company_id]) - 1
            missing = waiting[company_id, day]
            if missing in hierarchies.unread:
                what, then = _UNREAD.format(missing), "; once it does, this follows by itself"
            else:
                what = f"its sub-company {missing} has no {_FACTS} of {day} yet"
                then = "; backfill that and this follows by itself"
            reason = f"not written: {what}{f' (and {more} more days wait)' if more else ''}{then}"
            standing = [Problem(company_id, company_rollup.name, reason)]
        problems.replace_problems(
            warehouse, company_id, {company_rollup.name: {NO_DAY: None}}, standing, at=run_info.at
        )
