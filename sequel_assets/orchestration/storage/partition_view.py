"""Compares Dagster's view of the slices with the table `refreshes`, which is right, and plans its repair."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.partition_status_cache import AssetStatusCacheValue, _build_status_cache

from sequel_assets.orchestration.namespace import ALONE
from sequel_assets.orchestration.partitions import DAY, slice_key
from sequel_assets.orchestration.reporting.materializations import materialization
from sequel_assets.orchestration.storage import event_log
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.coverage.kept_slices import stored_outcome
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import NO_DAY, problems, refreshes

NAMES = [dataset.name for dataset in SLICED]
BY = "by sequel-assets repair"


@dataclass(frozen=True)
class PartitionStates:
    """Partitions of one dataset, as Dagster has them."""

    materialized: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    under_way: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PartitionView:
    """One dataset in Dagster: what its events say, and what its pages show from a cache of them."""

    recorded: PartitionStates
    shown: PartitionStates


@dataclass(frozen=True)
class WarehouseSlices:
    """What the warehouse has of a dataset."""

    slices: Mapping[str, Outcome]
    """partition -> a slice that is there, with its figures."""
    with_problems: frozenset[str]
    """Partitions with a problem: those may rightly be shown as failed."""


@dataclass(frozen=True)
class RepairPlan:
    """What makes the view of one dataset right."""

    report: tuple[str, ...] = ()
    """Partitions to report as materialized."""
    forget: tuple[str, ...] = ()
    """Partitions that must no longer look materialized."""
    clears_cache: bool = False
    """Whether the pages' cache shows something other than what the events will say."""


def read_partition_view(
    instance: dg.DagsterInstance, dataset: str, partitions: dg.MultiPartitionsDefinition
) -> PartitionView:
    """Return Dagster's view of a dataset. It writes nothing, not even the cache."""
    key = ALONE.key(dataset)
    record = next(iter(instance.get_asset_records([key])), None)
    if record is None:
        return PartitionView(PartitionStates(), PartitionStates())
    cached = record.asset_entry.cached_status
    with partition_loading_context(None, instance):
        if cached and cached.partitions_def_id != partitions.get_serializable_unique_identifier():
            cached = None  # made for another first day or other companies: Dagster itself would not use it
        recorded = _build_status_cache(instance, key, partitions, None, record)
        shown = _build_status_cache(instance, key, partitions, cached, record) if cached else recorded
        return PartitionView(_slices(recorded, partitions), _slices(shown, partitions))


def _slices(status: AssetStatusCacheValue | None, partitions: dg.MultiPartitionsDefinition) -> PartitionStates:
    if status is None:
        return PartitionStates()
    subsets = (
        status.deserialize_materialized_partition_subsets(partitions),
        status.deserialize_failed_partition_subsets(partitions),
        status.deserialize_in_progress_partition_subsets(partitions),
    )
    return PartitionStates(*(frozenset(map(str, subset.get_partition_keys())) for subset in subsets))


def read_warehouse_slices(
    warehouse: Warehouse, dataset: str, partitions: dg.MultiPartitionsDefinition
) -> WarehouseSlices:
    """Return every slice of a dataset that the warehouse has and whose day Dagster has a partition for."""
    r, p = refreshes.c, problems.c
    days = {date.fromisoformat(day) for day in partitions.get_partitions_def_for_dimension(DAY).get_partition_keys()}
    slices: dict[str, Outcome] = {}
    columns = (r.company_id, r.day, r.rows, r.data_through, r.is_final)
    chosen = (r.dataset == dataset, r.day != NO_DAY, r.data_through.is_not(None))
    with warehouse.read() as connection:
        names = catalog.partition_keys(connection)
        for company_id, day, rows, through, final in connection.execute(sa.select(*columns).where(*chosen)):
            if day in days and company_id in names:
                slices[str(slice_key(names[company_id], day))] = Outcome(
                    company_id, dataset, day, SliceStatus.UNCHANGED, rows=rows, data_through=through, is_final=final
                )
        standing = {tuple(row) for row in connection.execute(sa.select(p.company_id, p.day).distinct())}
    with_problems = {
        key
        for key, one in slices.items()
        if (one.company_id, one.day) in standing or (one.company_id, NO_DAY) in standing
    }
    return WarehouseSlices(slices, frozenset(with_problems))


def repair_plan(view: PartitionView, there: Collection[str], with_problems: Collection[str]) -> RepairPlan:
    """Decide what makes a dataset's view right, from the partitions that are there. Pure.

    What a run is refreshing is left to that run. A slice that is there and red is reported once more, unless it has a
    problem.
    """
    recorded, shown, good = view.recorded, view.shown, frozenset(there)
    under_way = recorded.under_way | shown.under_way
    wrongly_red = (recorded.failed & good) - frozenset(with_problems)
    report = ((good - recorded.materialized - recorded.failed) | wrongly_red) - under_way
    forget = ((recorded.materialized | shown.materialized) - good) - under_way
    stale = (shown.materialized, shown.failed) != (recorded.materialized, recorded.failed)
    return RepairPlan(tuple(sorted(report)), tuple(sorted(forget)), bool(stale or forget))


def of_companies(repair_plan: RepairPlan, keys: Collection[str]) -> RepairPlan:
    """Return the part of a repair that concerns companies, by their partition keys."""

    def mine(partitions: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(key for key in partitions if key.rpartition("|")[0] in keys)

    return RepairPlan(mine(repair_plan.report), mine(repair_plan.forget), repair_plan.clears_cache)


def events_of(warehouse: Warehouse, outcomes: Mapping[str, Outcome]) -> list[dg.AssetMaterialization]:
    """Return the events that report stored slices to Dagster, by partition, with the figures that a run would give."""
    slices = warehouse.ask(
        lambda connection: {key: stored_outcome(connection, outcome) for key, outcome in outcomes.items()}
    )
    return [event_of(outcome, key) for key, outcome in slices.items()]


def event_of(outcome: Outcome, partition: str) -> dg.AssetMaterialization:
    """Return the event that reports a slice to Dagster."""
    return materialization(outcome, partition.rpartition("|")[0])._replace(description=BY)


def forget(instance: dg.DagsterInstance, dataset: str, repair_plan: RepairPlan) -> None:
    """Clear what is not there, and delete the pages' cache where it is wrong: Dagster builds it again."""
    if repair_plan.forget:
        event_log.forget(instance, ALONE.key(dataset), repair_plan.forget)
    if repair_plan.clears_cache:
        instance.wipe_asset_cached_status([ALONE.key(dataset)])
