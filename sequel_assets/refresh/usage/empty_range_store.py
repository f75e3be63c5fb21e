"""The remembered empty ranges of a company's events: read for the plan, and extended by what a refresh finds."""

import time
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

import sqlalchemy as sa

from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.usage.empty_ranges import learn, without
from sequel_assets.refresh.usage.event_worker import EventWork, RangeFindings
from sequel_assets.warehouse.stores import empty_ranges
from sequel_assets.warehouse.stores.empty_ranges import EmptyRange
from sequel_assets.warehouse.tables.core import proofs

MAX_SECONDS = 1.0
"""What was learned is written at least so often, so that a kill costs few requests."""


class EmptyRangeStore:
    """Writes the empty ranges of one company. What is learned is kept even where the run believes none of them."""

    def __init__(self, context: RunContext, company_id: str) -> None:
        self._warehouse, self._run_info, self._company_id = context.warehouse, context.run_info, company_id
        self._written = time.monotonic()

    def keep_now_and_then(self, works: Sequence[EventWork]) -> None:
        """Write what was learned if that was not done lately."""
        if time.monotonic() - self._written >= MAX_SECONDS:
            self.keep(works)

    def keep(self, works: Sequence[EventWork]) -> None:
        """Write what the events have shown since the last time, in one transaction."""
        found = {work.event.event_id: findings for work in works if (findings := work.take_findings())}
        if found:
            self._warehouse.change(partial(self._learn, found), self._company_id)
        self._written = time.monotonic()

    def _learn(self, found: Mapping[str, RangeFindings], connection: sa.Connection) -> None:
        stored = empty_ranges.load(connection, self._company_id)
        through, late_window = self._run_info.through, self._run_info.late_window
        changed = {}
        for event_id, new in found.items():
            before = stored.get(event_id, [])
            after = learn(before, new.empty, new.non_empty, through=through, late_window=late_window)
            if after != before:
                changed[event_id] = after
        empty_ranges.replace(connection, self._company_id, changed)


def read_empty_ranges(connection: sa.Connection, company_id: str) -> dict[str, list[EmptyRange]]:
    """Return what is remembered; days of which minutes are stored do not count as empty, whatever is remembered."""
    stored = empty_ranges.load(connection, company_id)
    if not stored:
        return {}
    non_empty: dict[str, set[date]] = {}
    columns = (proofs.c.event_id, proofs.c.day)
    for event_id, day in connection.execute(sa.select(*columns).where(proofs.c.company_id == company_id)):
        non_empty.setdefault(event_id, set()).add(day)
    return {event_id: without(ranges, non_empty.get(event_id, ())) for event_id, ranges in stored.items()}
