"""From an outcome to what Dagster shows of a slice. Holds no name, no e-mail, no secret."""

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Self, TypeVar

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata

from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.partitions import slice_key
from sequel_assets.orchestration.reporting.charts.registry import CHARTS
from sequel_assets.orchestration.reporting.markdown import as_table
from sequel_assets.orchestration.reporting.provenance import provenance_tags
from sequel_assets.orchestration.reporting.specs import lineage
from sequel_assets.orchestration.run_tags import FORCE
from sequel_assets.refresh.core.datasets import EVENT_PARTICIPANTS, LANDED_NAMES, SLICED
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.coverage.kept_slices import stored_outcome
from sequel_assets.safety.visible import MAX_NAMED, as_line
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY

T = TypeVar("T")
_PLACES = {dataset.name: place for place, dataset in enumerate(SLICED)}
_SOURCES = {dataset.name: frozenset(lineage(dataset)) for dataset in SLICED}
STATUS_IN_WORDS = {
    SliceStatus.DONE: "refreshed",
    SliceStatus.UNCHANGED: "unchanged",
    SliceStatus.SUPERSEDED: "dropped: a refresh of a newer hour was first",
}
"""What a slice's page says of it; one that waits or failed has no materialization."""
MAX_AT_ONCE, MAX_SECONDS = 500, 5.0
"""Materializations are collected until there are so many, or until so long after the last ones were logged."""


class Report:
    """Reports each outcome of a run to Dagster, many at a time, and keeps those that failed.

    A context manager: what is collected is logged at the end too, also after an error. One chart per company and run
    goes with each dataset that has one, on the last day of the range that is over: so it is drawn in backfills and at
    a day's close, and not every hour.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext | dg.OpExecutionContext,
        names: Mapping[str, str],
        datasets: Collection[str],
        is_steady: Callable[[Outcome], bool],
        today: date,
        wanted: Mapping[str, Sequence[date]],
        space: Namespace = ALONE,
        titles: Mapping[str, str] | None = None,
    ) -> None:
        self._titles = titles or {}
        """The companies' names as people write them, for charts."""
        self.failed: list[Outcome] = []
        self.waiting: list[Outcome] = []
        """Slices of the range that could not be derived yet."""
        self._space = space
        self._waiting: list[dg.AssetMaterialization] = []
        self._flushed_at = time.monotonic()
        self._context, self._names, self._datasets, self._is_steady = context, names, datasets, is_steady
        self._logged: dict[tuple[str, date], set[str]] = {}
        self.logged = 0
        """Slices that were logged so far."""
        self._days = {(company_id, day) for company_id, days in wanted.items() for day in days}
        self._charted = {
            company_id: max(past) for company_id, days in wanted.items() if (past := [d for d in days if d < today])
        }

    def add(self, outcome: Outcome, warehouse: Warehouse) -> None:
        """Log a good slice as materialized; one outside the range, or that is not steady, only where it must be.

        It must be where its rows changed, or where a slice that it is derived from was logged: it would look out of sync.
        """
        is_in_range = outcome.day == NO_DAY or (outcome.company_id, outcome.day) in self._days
        before = self._logged.setdefault((outcome.company_id, outcome.day), set())
        is_logged = (
            outcome.verdict is SliceStatus.DONE
            or (is_in_range and self._is_steady(outcome))
            or not before.isdisjoint(_SOURCES.get(outcome.dataset, ()))
        )
        if outcome.verdict is SliceStatus.FAILED and is_in_range:
            self.failed.append(outcome)
        elif outcome.verdict is SliceStatus.WAITING and is_in_range and outcome.dataset in self._datasets:
            self.waiting.append(outcome)
        elif outcome.is_good and outcome.dataset in self._datasets and is_logged:
            key = self._names[outcome.company_id]
            before.add(outcome.dataset)
            self.logged += 1
            if outcome.is_kept:
                outcome = warehouse.ask(partial(stored_outcome, outcome=outcome))
            self._waiting.append(materialization(outcome, key, self._chart(outcome, warehouse)))
            if len(self._waiting) >= MAX_AT_ONCE or time.monotonic() - self._flushed_at >= MAX_SECONDS:
                self._flush()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Log what is collected."""
        self._flush()

    def _flush(self) -> None:
        waiting, self._waiting, self._flushed_at = self._waiting, [], time.monotonic()
        log_together(self._context, waiting, self._space)

    def _chart(self, outcome: Outcome, warehouse: Warehouse) -> dict[str, Any]:
        if outcome.dataset not in CHARTS or self._charted.get(outcome.company_id) != outcome.day:
            return {}
        chart, company = CHARTS[outcome.dataset], self._titles.get(outcome.company_id, "")
        data = warehouse.ask(lambda connection: chart.read(connection, outcome.company_id, outcome.day))
        return chart.metadata(company or self._names[outcome.company_id], outcome.day, data)


def log_together(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    materializations: Sequence[dg.AssetMaterialization],
    space: Namespace = ALONE,
) -> None:
    """Log materializations as `context.log_event` would, those of an asset in one transaction where the event log can.

    Of one asset, since PostgreSQL's event log keeps the latest event of a batch's last asset alone. In the order of their
    lineage: a slice whose source was logged after it would be marked as out of sync. They speak of datasets; `space` has the keys.
    """
    step = context.get_step_execution_context()
    by_dataset: dict[str, list[dg.AssetMaterialization]] = {}
    for one in materializations:
        by_dataset.setdefault(one.asset_key.to_user_string(), []).append(space.event(one))
    for dataset in sorted(by_dataset, key=lambda name: (_PLACES.get(name, -1), name)):
        for one, batch in in_one_batch(by_dataset[dataset]):
            DagsterEvent.asset_materialization(step, one, batch)


def in_one_batch(items: Sequence[T]) -> Iterator[tuple[T, DagsterEventBatchMetadata]]:
    """Yield items, each with what says that its event is stored together with the others'."""
    number = str(uuid.uuid4())
    for place, item in enumerate(items, start=1):
        yield item, DagsterEventBatchMetadata(number, place == len(items))


def materialization(
    outcome: Outcome, company_key: str, chart: Mapping[str, Any] | None = None
) -> dg.AssetMaterialization:
    """Return the event that turns a slice green, with its figures."""
    key = slice_key(company_key, outcome.day)
    partition = {f"dagster/partition/{dimension}": value for dimension, value in key.keys_by_dimension.items()}
    tags = {**partition, **provenance_tags(outcome.dataset)}
    return dg.AssetMaterialization(outcome.dataset, partition=key, metadata=figures(outcome, chart), tags=tags)


def figures(outcome: Outcome, chart: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the metadata of a slice: rows, minutes, people, data-through, what it cost, and a few rows."""
    shown: dict[str, Any] = {"status": STATUS_IN_WORDS[outcome.verdict]}
    if outcome.reason:
        shown["not_requested"] = f"{outcome.reason}; to request it again, launch a run with the tag {FORCE} = true"
    if outcome.engaged_minutes is not None:
        shown["engaged_minutes"] = outcome.engaged_minutes
    if outcome.people is not None:
        shown["people"] = outcome.people
    shown |= chart or {}
    if outcome.data_through is not None:
        shown["data_through"] = dg.MetadataValue.timestamp(outcome.data_through)
    shown |= {"final": dg.MetadataValue.bool(outcome.is_final), "dagster/row_count": outcome.rows}
    if outcome.dataset in LANDED_NAMES:
        shown["requests"] = outcome.requests
        shown["seconds"] = round(outcome.seconds, 3)
    if outcome.preview:
        shown["preview"] = dg.MetadataValue.md(as_table(outcome.preview))
    return shown


def failure(failed: Sequence[Outcome], names: dict[str, str], fatal: str = "") -> dg.Failure:
    """Return the error that ends a run: which slices failed and why, the first by name, all of them counted."""
    if fatal:
        return dg.Failure(
            f"{fatal}; nothing half-written; {len(failed)} slices were not refreshed; run it again when that is fixed"
        )
    direct = [outcome for outcome in failed if outcome.dataset in LANDED_NAMES or outcome.day == NO_DAY] or failed
    lines = _reasons(direct, names)
    if len(failed) > len(direct):
        lines.append(f"and with them {len(failed) - len(direct)} slices of insights that are derived from these")
    return dg.Failure(
        f"{len(failed)} slices failed; their older rows stay, the other slices are right:\n"
        + "\n".join(map(as_line, lines)),
        metadata={"failed_slices": len(failed)},
    )


def underived(waiting: Sequence[Outcome], names: Mapping[str, str]) -> dg.Failure:
    """Return the error that ends a run of insights alone that lack their facts: nothing of these slices was written."""
    return dg.Failure(
        f"{len(waiting)} slices could not be derived, and nothing of them was written; the other slices are right; "
        f"materialize {EVENT_PARTICIPANTS.name} of the missing days first, which derives these too:\n"
        + "\n".join(map(as_line, _reasons(waiting, names))),
        metadata={"waiting_slices": len(waiting)},
    )


def _reasons(outcomes: Sequence[Outcome], names: Mapping[str, str]) -> list[str]:
    """Return a line for each of the first slices, and how many more there are."""
    lines = [f"{names.get(o.company_id, o.company_id)} {o.name}: {o.reason}" for o in outcomes[:MAX_NAMED]]
    return [*lines, f"and {len(outcomes) - MAX_NAMED} more"] if len(outcomes) > MAX_NAMED else lines
