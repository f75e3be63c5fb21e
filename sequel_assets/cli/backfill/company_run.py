"""One company's backfill: a real Dagster run in this process, and what is told of it while it goes on and at its end."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sequel_assets.cli.support.dagster_home import command_tags
from sequel_assets.orchestration.partitions import range_tags
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.orchestration.storage import errors
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.safety.visible import MAX_NAMED
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.stores.catalog import KnownCompany

EVERY_SECONDS = 0.5
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Task:
    """A company and the days that are wanted of it; `tags` are those of the run beside its range."""

    company: KnownCompany
    first: date
    last: date
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Tick:
    """How far a company is: slices that are told, requests made, and those still to be made, as far as that is known.

    `above` are slices of other companies that its run could complete: roll-ups that had waited for it.
    """

    company_id: str
    slices: int
    requests: int
    left: int | None
    above: int = 0


@dataclass
class CompanyResult:
    """What became of a company: small, whatever the range, since it crosses processes and is kept to the end."""

    task: Task
    run_id: str = ""
    slices: int = 0
    above: int = 0
    requests: int = 0
    counts: Counter[tuple[str, SliceStatus]] = field(default_factory=Counter)
    """Slices by company and verdict: those above it too, which its run completed."""
    failed: list[Outcome] = field(default_factory=list)
    """The first ones, in the order in which they were told."""
    waiting: Outcome | None = None
    """The first of those that wait."""
    broken: str = ""
    """Why the run failed though no slice of it did."""
    fatal: str = ""
    """What no other company would survive: Sequel away, sign-in refused."""

    def count(self, verdict: SliceStatus) -> int:
        """Return how many slices came to it."""
        return sum(count for (_, found), count in self.counts.items() if found is verdict)


def execute(
    instance: dg.DagsterInstance, client: SequelClient, told: CompanyResult, tell: Callable[[Tick], object]
) -> None:
    """Execute the run of a company to its end and write into `told` what becomes of it; a failed run raises nothing.

    `tell` is told the progress twice a second. Being interrupted leaves what was told until then.
    """
    from sequel_assets.definitions import defs  # reads the start date from the environment: only once that is settled

    task, observer = told.task, Observer()
    before = client.stats.requests

    def keep(outcome: Outcome) -> None:
        told.counts[outcome.company_id, outcome.verdict] += 1
        if task.first <= outcome.day <= task.last:
            is_own = outcome.company_id == task.company.company_id
            told.slices, told.above = told.slices + is_own, told.above + (not is_own)
        if outcome.verdict is SliceStatus.FAILED and len(told.failed) < MAX_NAMED:
            told.failed.append(outcome)
        elif outcome.verdict is SliceStatus.WAITING and told.waiting is None:
            told.waiting = outcome

    def tick() -> None:
        told.requests = client.stats.requests - before
        left = observer.gauge.read().left if observer.gauge else None
        tell(Tick(task.company.company_id, told.slices, told.requests, left, told.above))

    observer.tell = keep
    try:
        with _now_and_then(tick), errors.without_its_cry():
            result = defs.resolve_job_def("refresh_slices").execute_in_process(
                instance=instance,
                tags=range_tags([task.company.partition_key], task.first, task.last) | command_tags() | dict(task.tags),
                run_config=QUIET,
                resources={"platform": Platform(client), "observer": observer},
                raise_on_error=False,
            )
    except SQLAlchemyError as error:  # Dagster's storage; the warehouse's are told by their slices
        if errors.was_interrupted(error):
            raise KeyboardInterrupt from None
        told.broken = errors.in_words(error)
        return
    told.requests, told.run_id = client.stats.requests - before, result.run_id
    told.fatal = str(observer.fatal or "")
    if not result.success and not told.count(SliceStatus.FAILED):
        told.broken = why_failed(result)


@contextmanager
def _now_and_then(tell: Callable[[], None]) -> Iterator[None]:
    """Call something twice a second, in a thread of its own."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(EVERY_SECONDS):
            tell()

    thread = threading.Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def why_failed(result: dg.ExecuteInProcessResult) -> str:
    """Return the first line of what ended a run whose slices did not."""
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            if told is not None and told.description:
                return told.description.splitlines()[0]
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            return (cause.message.strip().splitlines() or ["the run failed"])[0] if cause else "the run failed"
    return "the run failed; look at it in Dagster's UI"
