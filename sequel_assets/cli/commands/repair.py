"""`sequel-assets repair`: Dagster's partition view made to say what the warehouse's table `refreshes` says."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import dagster as dg

from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.dagster_home import dagster_home, dagster_instance
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.cli.support.terminal import console, counting, table
from sequel_assets.cli.support.warehouse import stored
from sequel_assets.orchestration.partitions import COMPANY, slice_partitions
from sequel_assets.orchestration.storage import event_log, partition_view
from sequel_assets.orchestration.storage.partition_view import NAMES, RepairPlan, WarehouseSlices
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog

DONE = 0
WORTH_AN_ESTIMATE = 5000
"""Slices from which on it is told, once the first batch is done, how long all of them may take."""
HEADINGS = ("company", "dataset", "reported", "cleared")
Mendings = Mapping[str, RepairPlan]


def repair(settings: Settings, wanted: Sequence[str], *, is_dry: bool) -> int:
    """Mend the picture (of some companies), print what was done, and return the exit code; `is_dry` only tells.

    What is done stays done: stopped at any moment, the same command goes on from there.
    """
    with stoppable(), stored(settings) as warehouse, _instance(is_dry=is_dry) as instance:
        keys, missing = _companies(warehouse, instance, wanted)
        if missing and not is_dry:
            instance.add_dynamic_partitions(COMPANY, missing)
        mendings, truth = find(settings, warehouse, instance, keys if wanted else None)
        if not is_dry:
            slices = sum(len(mending.report) for mending in mendings.values())
            with counting("slices reported", slices) as advance:
                mend(instance, mendings, truth, _estimating(slices, advance))
        _tell(missing, mendings, is_dry=is_dry)
    return DONE


@contextmanager
def _instance(*, is_dry: bool) -> Iterator[dg.DagsterInstance]:
    """Yield Dagster's instance; where its home is lost, who only looks sees an empty one and none is made."""
    if is_dry and not dagster_home().exists():
        with dg.DagsterInstance.ephemeral() as empty:
            yield empty
    else:
        with dagster_instance() as instance:
            yield instance


def _companies(
    warehouse: Warehouse, instance: dg.DagsterInstance, wanted: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the partition keys of the companies meant, and those of them that Dagster lacks."""
    with warehouse.read() as connection:
        companies = choose(catalog.known_companies(connection), wanted)
    there = set(instance.get_dynamic_partitions(COMPANY))
    keys = [company.partition_key for company in companies]
    return keys, [key for key in keys if key not in there]


def find(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, keys: Collection[str] | None = None
) -> tuple[dict[str, RepairPlan], WarehouseSlices]:
    """Return by dataset what makes Dagster's picture right (of some companies), and the truth it was held against."""
    partitions = slice_partitions(settings)
    seen = {name: partition_view.read_partition_view(instance, name, partitions) for name in NAMES}
    truth = partition_view.read_warehouse_slices(
        warehouse, partitions
    )  # after the picture: what is committed meanwhile is no ghost
    mendings = {name: partition_view.repair_plan(seen[name], truth.slices[name], truth.with_problems) for name in NAMES}
    if keys is not None:
        mendings = {name: partition_view.of_companies(mending, set(keys)) for name, mending in mendings.items()}
    return mendings, truth


def mend(
    instance: dg.DagsterInstance,
    mendings: Mendings,
    truth: WarehouseSlices,
    advance: Callable[[int], object] = lambda _: None,
) -> None:
    """Do what was found, in batches, each whole or not at all."""
    for dataset, mending in mendings.items():
        partition_view.forget(instance, dataset, mending)
        slices = truth.slices[dataset]
        for batch in event_log.batches(mending.report):
            event_log.report(instance, [partition_view.event_of(slices[key], key) for key in batch])
            advance(len(batch))


def _estimating(slices: int, advance: Callable[[int], object]) -> Callable[[int], object]:
    """Return what passes each step on and, where there are many, tells after the first how long all may take."""
    began, done = time.monotonic(), 0

    def step(steps: int) -> None:
        nonlocal done
        if not done and slices > WORTH_AN_ESTIMATE:
            minutes = (time.monotonic() - began) / steps * slices / 60
            console().print(
                f"{slices:,} slices to report, about {minutes:.1f} minutes; it may be stopped at any moment"
            )
        done += steps
        advance(steps)

    return step


def _tell(missing: Sequence[str], mendings: Mendings, *, is_dry: bool) -> None:
    would = "would be " if is_dry else ""
    if missing:
        console().print(f"companies whose partitions {would or 'were '}added: {', '.join(missing)}")
    reported = _counted({dataset: mending.report for dataset, mending in mendings.items()})
    cleared = _counted({dataset: mending.forget for dataset, mending in mendings.items()})
    rows = [
        (company, dataset, reported[company, dataset], cleared[company, dataset])
        for company, dataset in sorted(reported.keys() | cleared.keys(), key=lambda at: (at[0], NAMES.index(at[1])))
    ]
    if rows:
        title = "What would be done" if is_dry else "Repaired"
        footer = ("all", "", reported.total(), cleared.total())
        table(f"{title}: partitions in Dagster", HEADINGS, rows, footer)
    redrawn = [dataset for dataset, mending in mendings.items() if mending.clears_cache and not mending.forget]
    if redrawn:
        console().print(f"pages that {would or 'were '}drawn anew from their events: {', '.join(redrawn)}")
    if not (missing or rows or redrawn):
        console().print("Dagster's partition view says what the warehouse says; there is nothing to repair.")


def _counted(partitions: Mapping[str, Sequence[str]]) -> Counter[tuple[str, str]]:
    return Counter((key.rpartition("|")[0], dataset) for dataset, keys in partitions.items() for key in keys)
