"""One company's backfill: a real Dagster run in this process, its progress and its result.

Progress and result cross process boundaries, so they stay small whatever the range is.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sequel_assets.cli.support.dagster_home import command_tags
from sequel_assets.orchestration.namespace import ALONE, SLICES
from sequel_assets.orchestration.partitions import range_tags
from sequel_assets.orchestration.reporting.failures import UNKNOWN, lines_of_failed_step
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.orchestration.storage import errors
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.safety.visible import MAX_NAMED
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.stores.catalog import KnownCompany

REPORT_SECONDS = 0.5
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Task:
    """A company and the days to refresh; `tags` are tags of the run in addition to its range."""

    company: KnownCompany
    first: date
    last: date
    tags: Mapping[str, str]


@dataclass(frozen=True)
class ProgressUpdate:
    """How far a company is: finished slices, requests made, and requests left (None while that is unknown).

    `rollups` are slices of other companies that its run completed: roll-ups that had waited for it.
    """

    company_id: str
    slices: int
    requests: int
    left: int | None
    rollups: int = 0


@dataclass
class CompanyResult:
    """The result of a company's run."""

    task: Task
    run_id: str = ""
    has_ended: bool = False
    """Whether the run came to its end; false where it was stopped or its process died. Set by who can be stopped."""
    slices: int = 0
    rollups: int = 0
    requests: int = 0
    counts: Counter[tuple[str, SliceStatus]] = field(default_factory=Counter)
    """Slices by company and status, with the roll-ups of other companies that its run completed."""
    failed: list[Outcome] = field(default_factory=list)
    """The first failed slices, in the order in which they were reported."""
    waiting: Outcome | None = None
    """The first waiting slice."""
    error: str = ""
    """Why the run failed although none of its slices did."""
    fatal: str = ""
    """An error that would fail every other company too: Sequel unreachable, sign-in refused."""

    def count(self, status: SliceStatus) -> int:
        """Return how many slices have this status."""
        return sum(count for (_, found), count in self.counts.items() if found is status)


def execute(
    instance: dg.DagsterInstance,
    client: SequelClient,
    result: CompanyResult,
    report: Callable[[ProgressUpdate], object],
) -> None:
    """Execute the run of a company to its end and fill in `result`; a failed run raises nothing.

    `report` is called with the progress twice a second. An interrupted run leaves in `result` what was reported so far.
    """
    task, observer = result.task, Observer()
    before = client.stats.requests

    def add(outcome: Outcome) -> None:
        result.counts[outcome.company_id, outcome.verdict] += 1
        if task.first <= outcome.day <= task.last:
            is_own = outcome.company_id == task.company.company_id
            result.slices, result.rollups = result.slices + is_own, result.rollups + (not is_own)
        if outcome.verdict is SliceStatus.FAILED and len(result.failed) < MAX_NAMED:
            result.failed.append(outcome)
        elif outcome.verdict is SliceStatus.WAITING and result.waiting is None:
            result.waiting = outcome

    def report_progress() -> None:
        result.requests = client.stats.requests - before
        left = observer.progress.read().left if observer.progress else None
        report(ProgressUpdate(task.company.company_id, result.slices, result.requests, left, result.rollups))

    observer.on_outcome = add
    try:
        with _called_regularly(report_progress), errors.without_storage_tracebacks():
            run = (
                _definitions()
                .resolve_job_def(ALONE.name(SLICES))
                .execute_in_process(
                    instance=instance,
                    tags=range_tags([task.company.partition_key], task.first, task.last)
                    | command_tags()
                    | dict(task.tags),
                    run_config=QUIET,
                    resources={ALONE.platform: Platform(client), ALONE.observer: observer},
                    raise_on_error=False,
                )
            )
    except SQLAlchemyError as error:  # of Dagster's storage; an error of the warehouse fails its slice instead
        if errors.was_interrupted(error):
            raise KeyboardInterrupt from None
        result.error = errors.describe(error)
        return
    finally:
        result.requests, result.run_id = client.stats.requests - before, observer.run_id
    result.fatal = str(observer.fatal or "")
    if not run.success and not result.count(SliceStatus.FAILED):
        result.error = (lines_of_failed_step(run.all_events) or [UNKNOWN])[0]


@cache
def _definitions() -> dg.Definitions:
    """Return the definitions by this process's environment, made once: a worker sets it before its first company."""
    from sequel_assets.definitions import defs

    return defs()


@contextmanager
def _called_regularly(report: Callable[[], None]) -> Iterator[None]:
    """Call a function twice a second, in a thread of its own."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(REPORT_SECONDS):
            report()

    thread = threading.Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
