"""What a notebook works with: `open_warehouse()`, whose methods return pandas frames.

It reads and never writes, asks Sequel nothing, and hands out no name or e-mail unless a call says `with_people=True`.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa

from sequel_assets import settings as settings_module
from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.insights.lifetime_usage import LIFETIME_USAGE
from sequel_assets.insights.peak_concurrency import PEAK_CONCURRENCY
from sequel_assets.insights.periods import PERIODS, Days
from sequel_assets.insights.ranges import ENGAGEMENT_TYPES, EVENT_TYPES, Scope
from sequel_assets.queries import range_answers
from sequel_assets.queries.datasets import read_table, table_named
from sequel_assets.queries.errors import QueryError
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.queries.frames import as_frame
from sequel_assets.queries.range_answers import QueryAnswer
from sequel_assets.queries.scopes import check_range, company_named, one_of, parse_day
from sequel_assets.refresh.core.datasets import COMPANIES, EVENTS
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import ALL

RANGE = ("since", "until")
Day = str | date
"""A UTC day: a date, or text such as 2026-11-23."""


class WarehouseReader:
    """An open warehouse; make one with `open_warehouse`. A context manager, or call `close` when you are done.

    Companies are named as on the command line: an id, a partition key, a name, or the beginning of one that no other
    has. Days are UTC; `since` is the first day of the history and `until` today unless they are given. What is missing
    or may still change stands in each frame's `attrs` (`complete`, `data_through`, `missing_days`, ...).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._stack = settings, ExitStack()
        self._warehouse = self._stack.enter_context(stored(settings))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the warehouse's connections."""
        self._stack.close()

    def companies(self) -> pd.DataFrame:
        """Return the companies, the root first."""
        return self.dataset(COMPANIES.name)

    def events(self, company: str | None = None) -> pd.DataFrame:
        """Return the events and hubs of a company, or of all."""
        return self.dataset(EVENTS.name, company)

    def daily_usage(
        self, company: str | None = None, *, since: Day | None = None, until: Day | None = None
    ) -> pd.DataFrame:
        """Return minutes, users and events by company, day and event type, as the table has them."""
        return self.dataset(DAILY_USAGE.name, company, since=since, until=until)

    def lifetime_usage(
        self, company: str | None = None, *, since: Day | None = None, until: Day | None = None
    ) -> pd.DataFrame:
        """Return minutes and users from the start of the history to the end of each day."""
        return self.dataset(LIFETIME_USAGE.name, company, since=since, until=until)

    def peaks(self, company: str | None = None, *, since: Day | None = None, until: Day | None = None) -> pd.DataFrame:
        """Return the highest concurrency of each day, by stage event and (event_id = all) of the company."""
        return self.dataset(PEAK_CONCURRENCY.name, company, since=since, until=until)

    def dataset(
        self,
        name: str,
        company: str | None = None,
        *,
        since: Day | None = None,
        until: Day | None = None,
        with_people: bool = False,
    ) -> pd.DataFrame:
        """Return the rows of any table of docs/datasets.md; personal columns only with `with_people`."""
        of = table_named(name, with_people=with_people)
        days = self._days(since, until) if "day" in of.columns else None
        if days is None and (since or until):
            raise QueryError(f"dataset {name}: it has no day, so since and until choose nothing; leave them out")
        with self._warehouse.read() as connection:
            known = catalog.known_companies(connection)
            chosen = None if company is None else company_named(known, company)
            today = self._settings.clock().date()
            found = read_table(connection, of, known, chosen, days, today, with_people=with_people)
        return as_frame(found.columns, found.rows, found.about)

    def usage(
        self,
        company: str,
        *,
        since: Day | None = None,
        until: Day | None = None,
        event_type: str = ALL,
        engagement_type: str = ALL,
        with_sub_companies: bool = False,
    ) -> pd.DataFrame:
        """Return minutes, unique users and events of all days together, as `sequel-assets query usage` does."""
        scope = self._scope(since, until, event_type, engagement_type, with_sub_companies=with_sub_companies)
        return self._ask(company, scope, range_answers.usage)

    def participants(
        self,
        company: str,
        *,
        since: Day | None = None,
        until: Day | None = None,
        event_type: str = ALL,
        engagement_type: str = ALL,
        with_sub_companies: bool = False,
        limit: int | None = None,
        with_people: bool = False,
    ) -> pd.DataFrame:
        """Return who was engaged, the most minutes first; names, e-mails and your own ids only with `with_people`."""
        if limit is not None and limit < 1:
            raise QueryError(f"limit {limit}: it must be 1 or more")
        scope = self._scope(since, until, event_type, engagement_type, with_sub_companies=with_sub_companies)

        def answer(connection: sa.Connection, company: KnownCompany, scope: Scope) -> QueryAnswer:
            return range_answers.participants(connection, company, scope, limit, with_people=with_people)

        return self._ask(company, scope, answer)

    def peak(
        self,
        company: str,
        *,
        since: Day | None = None,
        until: Day | None = None,
        with_sub_companies: bool = False,
    ) -> pd.DataFrame:
        """Return the highest number of people who watched stage events live in one minute, and when that was."""
        return self._ask(company, self._scope(since, until, with_sub_companies=with_sub_companies), range_answers.peak)

    def rollup(
        self,
        company: str,
        *,
        since: Day | None = None,
        until: Day | None = None,
        event_type: str = ALL,
        engagement_type: str = ALL,
    ) -> pd.DataFrame:
        """Return usage and peak of a company with its sub-companies at any depth, people counted once."""
        scope = self._scope(since, until, event_type, engagement_type, with_sub_companies=True)
        return self._ask(company, scope, range_answers.rollup)

    def compare(
        self,
        company: str,
        period: str,
        *,
        day: Day | None = None,
        event_type: str = ALL,
        engagement_type: str = ALL,
        with_sub_companies: bool = False,
    ) -> pd.DataFrame:
        """Return a period up to a day beside as much of the one before, and of the one a year before."""
        one_of("period", period, PERIODS)
        last = self._settings.clock().date() if day is None else day
        scope = self._scope(
            last, last, event_type, engagement_type, names=("day", "day"), with_sub_companies=with_sub_companies
        )

        def answer(connection: sa.Connection, company: KnownCompany, scope: Scope) -> QueryAnswer:
            return range_answers.compare(connection, company, scope, period, self._settings.start_date)

        return self._ask(company, scope, answer)

    def _ask(
        self, company: str, scope: Scope, answer: Callable[[sa.Connection, KnownCompany, Scope], QueryAnswer]
    ) -> pd.DataFrame:
        with self._warehouse.read() as connection:
            chosen = company_named(catalog.known_companies(connection), company)
            found = answer(connection, chosen, replace(scope, company_id=chosen.company_id))
        return as_frame(found.columns, found.rows, found.about())

    def _scope(
        self,
        since: Day | None,
        until: Day | None,
        event_type: str = ALL,
        engagement_type: str = ALL,
        *,
        with_sub_companies: bool,
        names: tuple[str, str] = RANGE,
    ) -> Scope:
        """Return what is counted, of a company that is still to be looked up."""
        one_of("event_type", event_type, EVENT_TYPES)
        one_of("engagement_type", engagement_type, ENGAGEMENT_TYPES)
        return Scope("", self._days(since, until, names), with_sub_companies, event_type, engagement_type)

    def _days(self, since: Day | None, until: Day | None, names: tuple[str, str] = RANGE) -> Days:
        first = self._settings.start_date if since is None else _day(since, names[0])
        last = self._settings.clock().date() if until is None else _day(until, names[1])
        return check_range(self._settings, first, last, names)


def _day(value: Day, name: str) -> date:
    """Return a day; text must be YYYY-MM-DD, and a time (such as a pandas Timestamp) is its own UTC day at midnight."""
    if isinstance(value, datetime):
        value = value.isoformat().removesuffix("+00:00").removesuffix("T00:00:00")
    return parse_day(value, name) if isinstance(value, str) else value


def open_warehouse(**settings: Any) -> WarehouseReader:
    """Open the warehouse of the settings for reading: the environment and `.env`, but for those that are given here.

    `open_warehouse(warehouse_url="postgresql://...", start_date="2026-01-01")`: each setting of docs/settings.md in
    small letters without `SEQUEL_`.
    """
    return WarehouseReader(settings_module.load(**settings))
