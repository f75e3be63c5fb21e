"""A backfill whose runs are executed by workers on other hosts: a run per company in Dagster's queue, and how far they are.

The runs belong to Dagster. Ending the command ends the watching alone.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from rich.progress import Progress

from sequel_assets.cli.backfill.company_run import Task
from sequel_assets.cli.backfill.progress import bars
from sequel_assets.cli.support.terminal import UsageError, console, errors
from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.hosts.submission import (
    NoCodeLocationError,
    is_over,
    last_attempts,
    slices_queue,
    why_it_failed,
)
from sequel_assets.orchestration.partitions import range_tags
from sequel_assets.safety.visible import MAX_NAMED, as_line
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.tables.core import refreshes

POLL_SECONDS = 2.0
STUCK_SECONDS = 60.0
"""Without any run under way for so long, the command says what may be missing."""


def run_on_hosts(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    tasks: Sequence[Task],
    workspace: Path,
    on_run: Callable[[str], None],
    raise_if_stopped: Callable[[], None],
) -> int:
    """Submit a run per company, show how far they are until all have ended, and return how many failed."""
    if not workspace.is_file():
        raise UsageError(
            f"--workspace {workspace}: there is no such file. What it is: Dagster's workspace.yaml, which says where the "
            "code server is. Example: deploy/workspace.yaml"
        )
    number = uuid.uuid4().hex[:12]
    submitted: dict[str, Task] = {}
    try:
        with slices_queue(instance, workspace) as queue:
            for task in tasks:
                raise_if_stopped()
                run_id = queue.submit(_tags(task, number))
                submitted[run_id] = task
                on_run(run_id)
    except NoCodeLocationError as error:
        raise UsageError(str(error)) from None
    finally:
        if submitted:
            text = f"{len(submitted)} runs are in Dagster's queue, one per company: tag {run_tags.SUBMITTED} = {number}"
            console().print(text)
    try:
        return _watch(instance, warehouse, submitted, raise_if_stopped)
    except KeyboardInterrupt:
        errors().print(
            f"stopped watching; the runs go on; to end them: Dagster's UI, Runs, tag {run_tags.SUBMITTED} = {number}, Terminate"
        )
        raise


def _tags(task: Task, number: str) -> dict[str, str]:
    key = task.company.partition_key
    return {
        **range_tags([key], task.first, task.last),
        **task.tags,
        **run_tags.because("sequel-assets backfill"),
        run_tags.SUBMITTED: number,
    }


def _watch(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    submitted: Mapping[str, Task],
    raise_if_stopped: Callable[[], None],
) -> int:
    left, failed, slices = dict(submitted), 0, dict.fromkeys(submitted, 0)
    warn_at: float | None = time.monotonic() + STUCK_SECONDS
    with _view(len(submitted)) as show:
        while left:
            raise_if_stopped()
            attempts = last_attempts(instance, list(left))
            under_way = {run_id: run for run_id, run in attempts.items() if run.status is dg.DagsterRunStatus.STARTED}
            ended = {run_id: run for run_id, run in attempts.items() if is_over(instance, run)}
            slices |= _refreshed(warehouse, left, {**under_way, **ended})
            for run_id, run in ended.items():
                task = left.pop(run_id)
                failed += _report(instance, task, run, slices[run_id])
            show(len(submitted) - len(left), len(under_way), sum(slices.values()))
            if under_way or ended:
                warn_at = None
            elif warn_at is not None and time.monotonic() > warn_at:
                warn_at = None
                queued = sum(run.status is dg.DagsterRunStatus.QUEUED for run in attempts.values())
                errors().print(
                    f"no run has begun for {STUCK_SECONDS:.0f} seconds ({queued} queued): "
                    "do the daemon and a worker run (sequel-assets serve worker)? The runs wait, and nothing is lost"
                )
            if left:
                time.sleep(POLL_SECONDS)
    return failed


def _report(instance: dg.DagsterInstance, task: Task, run: dg.DagsterRun, slices: int) -> bool:
    """Print how a company's run ended; return whether it failed."""
    key = task.company.partition_key
    has_failed = run.status is not dg.DagsterRunStatus.SUCCESS
    word = "failed" if run.status is dg.DagsterRunStatus.FAILURE else "was ended" if has_failed else "is done"
    console().print(as_line(f"{key}: {word}, {slices} slices refreshed, run {run.run_id}"))
    if run.status is dg.DagsterRunStatus.FAILURE:
        for line in why_it_failed(instance, run.run_id, MAX_NAMED):
            errors().print(as_line(f"  {key}: {line}"))
    return has_failed


def _refreshed(warehouse: Warehouse, tasks: Mapping[str, Task], runs: Mapping[str, dg.DagsterRun]) -> dict[str, int]:
    """Return, by the ids of submitted runs, how many slices each has refreshed so far."""
    if not runs:
        return {}
    ids = {run.run_id: submitted for submitted, run in runs.items()}
    companies = {tasks[submitted].company.company_id for submitted in runs}
    query = (
        sa.select(refreshes.c.run_id, sa.func.count())
        .where(among(refreshes.c.company_id, companies), among(refreshes.c.run_id, ids))
        .group_by(refreshes.c.run_id)
    )
    with warehouse.read() as connection:
        return {ids[run_id]: count for run_id, count in connection.execute(query)}


@contextmanager
def _view(companies: int) -> Iterator[Callable[[int, int, int], None]]:
    """Yield what shows the companies that are done, the runs under way and the slices; nothing outside a terminal."""
    if not console().is_terminal:
        yield lambda _done, _under_way, _slices: None
        return
    progress: Progress = bars(console())
    with progress:
        bar = progress.add_task("companies", total=companies, text="queued")

        def show(done: int, under_way: int, slices: int) -> None:
            progress.update(bar, completed=done, text=f"{under_way} runs under way, {slices:,} slices")

        yield show
