"""`sequel-assets repair`: make Dagster's partition view match the warehouse's table `refreshes`.

The warehouse is the truth and is only read; what changes is Dagster's storage.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import dagster as dg

from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.dagster_home import dagster_home, dagster_instance
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.cli.support.terminal import console, progress_bar, table
from sequel_assets.orchestration.partitions import COMPANY, slice_partitions
from sequel_assets.orchestration.storage import event_log, partition_view
from sequel_assets.orchestration.storage.partition_view import NAMES, RepairPlan
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog

DONE = 0
ESTIMATE_FROM = 5000
"""From so many slices on, an estimate of the whole time is printed after the first batch."""
HEADINGS = ("company", "dataset", "reported", "cleared")
RepairPlans = Mapping[str, RepairPlan]
Truth = Mapping[str, Mapping[str, Outcome]]
"""dataset -> partition -> the slice as the warehouse has it, of those that are to be reported."""


def repair(settings: Settings, wanted: Sequence[str], *, is_dry: bool) -> int:
    """Repair the partition view (of some companies), print what was done, return the exit code; `is_dry` only prints.

    Each batch is final: a command that was stopped at any time continues from there when it runs once more.
    """
    with stoppable(), stored(settings) as warehouse, _instance(is_dry=is_dry) as instance:
        keys, missing = _companies(warehouse, instance, wanted)
        if missing and not is_dry:
            instance.add_dynamic_partitions(COMPANY, missing)
        plans, truth = plan_repair(settings, warehouse, instance, keys if wanted else None)
        if not is_dry:
            slices = sum(len(plan.report) for plan in plans.values())
            with progress_bar("slices reported", slices) as advance:
                apply_repair(warehouse, instance, plans, truth, _with_estimate(slices, advance))
        _report(missing, plans, is_dry=is_dry)
    return DONE


@contextmanager
def _instance(*, is_dry: bool) -> Iterator[dg.DagsterInstance]:
    """Yield Dagster's instance; a dry run without a home sees an empty instance and creates none."""
    if is_dry and not dagster_home().exists():
        with dg.DagsterInstance.ephemeral() as empty:
            yield empty
    else:
        with dagster_instance() as instance:
            yield instance


def _companies(
    warehouse: Warehouse, instance: dg.DagsterInstance, wanted: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the partition keys of the chosen companies, and those of them that Dagster lacks."""
    companies = choose(warehouse.ask(catalog.known_companies), wanted)
    there = set(instance.get_dynamic_partitions(COMPANY))
    keys = [company.partition_key for company in companies]
    return keys, [key for key in keys if key not in there]


def plan_repair(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, keys: Collection[str] | None = None
) -> tuple[dict[str, RepairPlan], Truth]:
    """Return the repair plan of each dataset (for some companies), and the slices that are to be reported.

    One dataset after the other: with many companies each has millions of partitions.
    """
    partitions = slice_partitions(settings)
    plans: dict[str, RepairPlan] = {}
    truth: dict[str, Mapping[str, Outcome]] = {}
    for name in NAMES:
        seen = partition_view.read_partition_view(instance, name, partitions)
        # read after the view: else a slice committed in between would be cleared as one that the warehouse lacks
        there = partition_view.read_warehouse_slices(warehouse, name, partitions)
        plan = partition_view.repair_plan(seen, there.slices, there.with_problems)
        plans[name] = plan if keys is None else partition_view.of_companies(plan, set(keys))
        truth[name] = {key: there.slices[key] for key in plans[name].report}
    return plans, truth


def apply_repair(
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    plans: RepairPlans,
    truth: Truth,
    advance: Callable[[int], object] = lambda _: None,
) -> None:
    """Carry out the plans in batches; each batch is stored completely or not at all."""
    for dataset, plan in plans.items():
        partition_view.forget(instance, dataset, plan)
        slices = truth[dataset]
        for batch in event_log.batches(plan.report):
            event_log.report(instance, partition_view.events_of(warehouse, {key: slices[key] for key in batch}))
            advance(len(batch))


def _with_estimate(slices: int, advance: Callable[[int], object]) -> Callable[[int], object]:
    """Wrap `advance`: for many slices, print an estimate of the whole time after the first batch."""
    began, done = time.monotonic(), 0

    def step(steps: int) -> None:
        nonlocal done
        if not done and slices > ESTIMATE_FROM:
            minutes = (time.monotonic() - began) / steps * slices / 60
            console().print(f"{slices:,} slices to report, about {minutes:.1f} minutes; it may be stopped at any time")
        done += steps
        advance(steps)

    return step


def _report(missing: Sequence[str], plans: RepairPlans, *, is_dry: bool) -> None:
    would = "would be " if is_dry else ""
    if missing:
        console().print(f"companies whose partitions {would or 'were '}added: {', '.join(missing)}")
    reported = _counted({dataset: plan.report for dataset, plan in plans.items()})
    cleared = _counted({dataset: plan.forget for dataset, plan in plans.items()})
    rows = [
        (company, dataset, reported[company, dataset], cleared[company, dataset])
        for company, dataset in sorted(reported.keys() | cleared.keys(), key=lambda at: (at[0], NAMES.index(at[1])))
    ]
    if rows:
        title = "What would be done" if is_dry else "Repaired"
        footer = ("all", "", reported.total(), cleared.total())
        table(f"{title}: partitions in Dagster", HEADINGS, rows, footer)
    redrawn = [dataset for dataset, plan in plans.items() if plan.clears_cache and not plan.forget]
    if redrawn:
        console().print(f"pages that {would or 'were '}redrawn from their events: {', '.join(redrawn)}")
    if not (missing or rows or redrawn):
        console().print("Dagster's partition view matches the warehouse; there is nothing to repair.")


def _counted(partitions: Mapping[str, Sequence[str]]) -> Counter[tuple[str, str]]:
    return Counter((key.rpartition("|")[0], dataset) for dataset, keys in partitions.items() for key in keys)
