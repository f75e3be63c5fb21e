"""What a refresh of a company remembers of its events' empty past, and what it adds."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.run_info import RunInfo
from sequel_assets.refresh.usage.empty_ranges import learn, left_to_request, without
from sequel_assets.refresh.usage.event_worker import EventWork
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.stores import empty_ranges
from sequel_assets.warehouse.stores.empty_ranges import EmptyRange
from sequel_assets.warehouse.tables.core import proofs

MAX_SECONDS = 1.0
"""What was learned is written at least so often, so that a kill costs no more to ask again."""


class EmptyRangeStore:
    """The silences of one company. With `anew` none of them is believed; what is learned is kept all the same."""

    def __init__(self, warehouse: Warehouse, company_id: str, moment: RunInfo, *, anew: bool) -> None:
        self._warehouse, self._company_id, self._moment = warehouse, company_id, moment
        self._believed: dict[str, list[EmptyRange]] = {} if anew else self._read()
        self._written = time.monotonic()

    def left(self, event_id: str, days: Iterable[date]) -> list[date]:
        """Return the days that an event is to be asked about."""
        return left_to_request(days, self._believed.get(event_id, ()))

    def keep_now_and_then(self, works: Sequence[EventWork]) -> None:
        """Write what was learned if that was not done lately."""
        if time.monotonic() - self._written >= MAX_SECONDS:
            self.keep(works)

    def keep(self, works: Sequence[EventWork]) -> None:
        """Write what the events have told since the last time, in one transaction."""
        told = {work.event.event_id: work.take_told() for work in works}
        told = {event_id: (silent, loud) for event_id, (silent, loud) in told.items() if silent or loud}
        if told:
            self._warehouse.change(partial(self._learn, told), self._company_id)
        self._written = time.monotonic()

    def _learn(self, told: Mapping[str, tuple[Any, Any]], connection: sa.Connection) -> None:
        stored = empty_ranges.load(connection, self._company_id)
        changed = {}
        for event_id, (silent, loud) in told.items():
            before = stored.get(event_id, [])
            after = learn(before, silent, loud, through=self._moment.through, late_window=self._moment.late_window)
            if after != before:
                changed[event_id] = after
        empty_ranges.replace(connection, self._company_id, changed)

    @repeats
    def _read(self) -> dict[str, list[EmptyRange]]:
        """Return what is stored; days of which minutes are stored are not believed to be silent, whatever is told."""
        with self._warehouse.read() as connection:
            stored = empty_ranges.load(connection, self._company_id)
            if not stored:
                return {}
            loud: dict[str, set[date]] = {}
            columns = (proofs.c.event_id, proofs.c.day)
            for event_id, day in connection.execute(sa.select(*columns).where(proofs.c.company_id == self._company_id)):
                loud.setdefault(event_id, set()).add(day)
        return {event_id: without(theirs, loud.get(event_id, ())) for event_id, theirs in stored.items()}
