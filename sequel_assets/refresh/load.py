"""The one loader of slices: what a refresh fetched of a company goes into one transaction, and each slice gets its outcome.

Rows, people and bookkeeping are committed together or not at all. A slice that is quarantined keeps its rows and becomes a
problem; problems are written after the rows, in transactions of their own.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus, quarantined
from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.refresh.core.slice_summary import outcome_of
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate
from sequel_assets.warehouse.slices.replacement import SliceResult, replace_slices
from sequel_assets.warehouse.stores import people
from sequel_assets.warehouse.stores.people import Person
from sequel_assets.warehouse.stores.problems import Problem, replace_problems

Costs = tuple[int, float]
"""Requests and seconds."""
Written = list[tuple[SliceUpdate, SliceResult]]


@dataclass
class SliceBatch:
    """Slices of one company and what goes with them. `datasets` are those that it is about, in the order of their outcomes."""

    company_id: str
    run_info: RunInfo
    datasets: tuple[str, ...]
    updates: dict[str, list[SliceUpdate]] = field(default_factory=dict, init=False)
    seen: list[tuple[Person, date]] = field(default_factory=list, init=False)
    failed: list[Problem] = field(default_factory=list, init=False)
    requested: dict[date, frozenset[str] | None] = field(default_factory=dict, init=False)
    """day -> the events that were requested, None for all: whose problems are replaced."""
    costs: dict[date, Costs] = field(default_factory=dict, init=False)

    notes: list[Problem] = field(default_factory=list, init=False)
    """Problems that fail no slice."""

    @property
    def has_changes(self) -> bool:
        """Say whether there is anything to be written."""
        return bool(self.updates)

    def write(self, connection: sa.Connection) -> Written:
        """Write all of it, within the caller's transaction; it may be called once more after a rollback."""
        written: Written = []
        for some in _each_slice_once([update for dataset in self.datasets for update in self.updates.get(dataset, ())]):
            results = replace_slices(
                connection,
                self.company_id,
                some,
                at=self.run_info.at,
                late_window=self.run_info.late_window,
                run_id=self.run_info.run_id,
            )
            written += zip(some, results, strict=True)
        people.remember(connection, self.company_id, self.seen)
        return written


def load_slices(warehouse: Warehouse, batch: SliceBatch, noted: Collection[str] | None = None) -> Iterator[Outcome]:
    """Write a batch in one transaction, its problems in others, and yield what became of each slice.

    `noted` are datasets that have problems already: only theirs, and those of datasets that get some, are replaced.
    """
    written = write_slices(warehouse, batch)
    yield from report_slices(warehouse, batch, written, noted)


def write_slices(warehouse: Warehouse, batch: SliceBatch) -> Written:
    """Write a batch in one transaction."""
    return warehouse.change(batch.write, batch.company_id) if batch.has_changes else []


def report_slices(
    warehouse: Warehouse, batch: SliceBatch, written: Written, noted: Collection[str] | None = None
) -> Iterator[Outcome]:
    """Replace the problems of a batch that was written, and yield what became of each slice."""
    company_id = batch.company_id
    failed = {dataset: [one for one in batch.failed if one.dataset == dataset] for dataset in batch.datasets}
    for _, result in written:
        if result.state is SliceState.QUARANTINED:
            name = result.table.name
            failed[name].append(Problem(company_id, name, quarantined(result.loss), result.day))
    changed = [dataset for dataset in batch.datasets if noted is None or failed[dataset] or dataset in noted]
    standing = [one for dataset in changed for one in (*failed[dataset], *batch.notes) if one.dataset == dataset]
    requested = dict.fromkeys(changed, batch.requested)
    replace_problems(warehouse, company_id, requested, standing, at=batch.run_info.at)
    for dataset in batch.datasets:
        for _, result in written:
            if result.table.name == dataset and result.state is not SliceState.QUARANTINED:
                yield outcome_of(company_id, result, *batch.costs[result.day])
        yield from failed_outcomes(failed[dataset], batch.costs)


def failed_outcomes(problems: Iterable[Problem], costs: Mapping[date, Costs]) -> Iterator[Outcome]:
    """Yield the outcome of each slice that has problems: it failed, for all their reasons."""
    of_each: dict[tuple[date, str, str], list[str]] = {}
    for one in problems:
        reason = f"event {one.event_id}: {one.reason}" if one.event_id else one.reason
        of_each.setdefault((one.day, one.company_id, one.dataset), []).append(reason)
    for (day, company_id, dataset), reasons in sorted(of_each.items(), key=lambda each: each[0][0]):
        requests, seconds = costs.get(day, (0, 0.0))
        failed = SliceStatus.FAILED
        yield Outcome(company_id, dataset, day, failed, "; ".join(reasons), requests=requests, seconds=seconds)


def _each_slice_once(updates: Sequence[SliceUpdate]) -> Iterator[list[SliceUpdate]]:
    """Yield the updates so that no two of a group are of the same slice."""
    left = list(updates)
    while left:
        now = {(update.table.name, update.day): update for update in reversed(left)}
        yield [update for update in left if now[update.table.name, update.day] is update]
        left = [update for update in left if now[update.table.name, update.day] is not update]
