"""Show a backfill: its progress while it runs, and its summary at the end.

Bars in a terminal, else a line per company; requests made and left, time left; then slices by company and status, and
the failed slices and runs by name.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, Task
from sequel_assets.cli.support.terminal import console, errors, table
from sequel_assets.refresh.core.api_profile import WHAT_TO_DO
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.safety.visible import MAX_NAMED, as_line, visible
from sequel_assets.warehouse.stores.catalog import KnownCompany

DOCTOR = (
    "Sequel may answer this account otherwise than is documented; to find out, read-only and in some 60 requests: "
    "sequel-assets doctor"
)
OTHER_ANSWERS = re.compile(
    r"caps the list|not add up|contradict|404 for its analytics|do not reach|not JSON|sequel-assets doctor"
)
"""Reasons of failures that other answers of Sequel would have."""


class Estimate:
    """Requests made and left, and the time that is left, from what it has cost so far. No I/O, no clock.

    A company that has not begun is assumed to cost as much per event as the others.
    """

    def __init__(self, events: Mapping[str, int]) -> None:
        """`events` is the number of events of each company."""
        self._weights = {company_id: count + 1 for company_id, count in events.items()}
        self._requests: dict[str, int] = {}
        self._left: dict[str, int | None] = {}

    def receive(self, message: ProgressUpdate | CompanyResult) -> None:
        """Take in the progress or the result of a company."""
        company_id = message.task.company.company_id if isinstance(message, CompanyResult) else message.company_id
        self._requests[company_id] = message.requests
        self._left[company_id] = 0 if isinstance(message, CompanyResult) else message.left

    @property
    def requests(self) -> int:
        """Requests made."""
        return sum(self._requests.values())

    @property
    def left(self) -> int | None:
        """Requests still to be made; None while there is nothing to estimate from."""
        known = {company_id: left for company_id, left in self._left.items() if left is not None}
        if not known:
            return None
        cost = sum(self._requests[company_id] + left for company_id, left in known.items())
        each = cost / sum(self._weights.get(company_id, 1) for company_id in known)
        others = self._weights.keys() - known.keys()
        not_begun = sum(self._weights[company_id] * each - self._requests.get(company_id, 0) for company_id in others)
        return sum(known.values()) + max(0, round(not_begun))

    def seconds_left(self, seconds: float) -> float | None:
        """Return how long the rest takes at the rate of the `seconds` so far."""
        left = self.left
        return None if left is None or not self.requests else left * seconds / self.requests


class ProgressView:
    """Shows a running backfill; `progress` is None where the output is not a terminal."""

    def __init__(self, tasks: Sequence[Task], events: Mapping[str, int], progress: Progress | None) -> None:
        self._tasks = {task.company.company_id: task for task in tasks}
        self._estimate, self._began, self._progress = Estimate(events), time.monotonic(), progress
        self._bars: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}
        self._total = sum(_slices(task) for task in tasks)
        self._all = (
            progress.add_task("all companies", total=self._total, text="") if progress and len(tasks) > 1 else None
        )

    def receive(self, message: ProgressUpdate | CompanyResult) -> None:
        """Show the progress or the result of a company."""
        self._estimate.receive(message)
        company_id = message.task.company.company_id if isinstance(message, CompanyResult) else message.company_id
        self._done[company_id] = message.slices + message.rollups
        if self._progress is not None:
            self._move(self._progress, company_id, message)
        if isinstance(message, CompanyResult):
            console().print(self._line(message))

    def _move(self, progress: Progress, company_id: str, message: ProgressUpdate | CompanyResult) -> None:
        if company_id not in self._bars:
            task = self._tasks[company_id]
            key = visible(task.company.partition_key)
            self._bars[company_id] = progress.add_task(key, total=_slices(task), text="")
        text = f"{message.requests:,} requests"
        if isinstance(message, ProgressUpdate) and message.left is not None:
            text += f", {message.left:,} left"
        bar = self._bars[company_id]
        progress.update(bar, completed=message.slices, text=text, visible=isinstance(message, ProgressUpdate))
        if self._all is not None:
            done = min(sum(self._done.values()), self._total)  # two runs may both report the same roll-up
            progress.update(self._all, completed=done, text=self._short_pace())

    def _pace(self) -> str:
        """Return the rate, requests made and left, and the time left."""
        seconds = time.monotonic() - self._began
        text = f"{self._estimate.requests:,} requests, {self._estimate.requests / max(seconds, 0.001):,.0f}/s"
        left, time_left = self._estimate.left, self._estimate.seconds_left(seconds)
        if left is not None and time_left is not None:
            text += f", about {left:,} left, {timedelta(seconds=round(time_left))}"
        return text

    def _short_pace(self) -> str:
        """Return the rate and the time left, for the bar of all companies."""
        seconds = time.monotonic() - self._began
        time_left = self._estimate.seconds_left(seconds)
        rate = f"{self._estimate.requests / max(seconds, 0.001):,.0f} requests/s"
        return rate if time_left is None else f"{rate}, {timedelta(seconds=round(time_left))} left"

    def _line(self, result: CompanyResult) -> str:
        key, failed = result.task.company.partition_key, result.count(SliceStatus.FAILED)
        run = f", run {result.run_id}" if result.run_id else ""
        slices = f"{result.slices} slices"
        if not result.has_ended:
            slices = f"stopped after {result.slices} of {_slices(result.task)} slices, which stay"
        line = f"{key}: {slices}, {failed} failed, {result.requests:,} requests{run}"
        return line if len(self._tasks) == 1 else f"{line}; all: {self._pace()}"


def _slices(task: Task) -> int:
    return len(days_between(task.first, task.last)) * len(SLICED)


@contextmanager
def view(tasks: Sequence[Task], events: Mapping[str, int]) -> Iterator[ProgressView]:
    """Yield the view of the companies' progress; `events` is the number of events of each company."""
    if not console().is_terminal:
        yield ProgressView(tasks, events, None)
        return
    with bars(console()) as progress:
        yield ProgressView(tasks, events, progress)


def bars(on: Console) -> Progress:
    """Return the bars of a backfill; each fits a terminal of 80 columns, and the bar itself takes what is left."""
    columns = (
        TextColumn(
            "{task.description}", markup=False, table_column=Column(overflow="ellipsis", no_wrap=True, max_width=24)
        ),
        BarColumn(bar_width=None, table_column=Column(min_width=4, ratio=1)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[text]}", markup=False, table_column=Column(overflow="ellipsis", no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
    )
    return Progress(*columns, console=on, expand=True)


def summarize(companies: Sequence[KnownCompany], results: Sequence[CompanyResult], *, is_stopped: bool = False) -> int:
    """Print the summary, and return the number of failed slices and runs; a stopped command does not name its runs."""
    counts = sum((one.counts for one in results), Counter[tuple[str, SliceStatus]]())
    rows = [
        (company.partition_key, *(counts[company.company_id, verdict] for verdict in SliceStatus))
        for company in companies
    ]
    footer = ("all", *(sum(counts[company.company_id, verdict] for company in companies) for verdict in SliceStatus))
    table("Slices", ("company", *(str(verdict) for verdict in SliceStatus)), rows, footer if len(rows) > 1 else ())
    failed_runs = [one for one in results if one.error and not is_stopped]
    for one in failed_runs:
        errors().print(as_line(f"{one.task.company.partition_key}: {one.error}"))
    failed = sum(one.count(SliceStatus.FAILED) for one in results)
    named = [(one.task.company.partition_key, outcome) for one in results for outcome in one.failed][:MAX_NAMED]
    for key, outcome in named:
        errors().print(as_line(f"failed: {key} {outcome.name}: {outcome.reason}"))
    if failed > len(named):
        errors().print(f"and {failed - len(named)} more; all of them: sequel-assets status")
    if offers_doctor(outcome.reason for one in results for outcome in one.failed):
        errors().print(DOCTOR)
    waiting = sum(one.count(SliceStatus.WAITING) for one in results)
    first = next(((one.task.company.partition_key, one.waiting) for one in results if one.waiting is not None), None)
    if first is not None:
        key, outcome = first
        such = f"{key} {outcome.day} {outcome.dataset}: {outcome.reason}"
        console().print(as_line(f"waiting: {waiting} slices, such as {such}"))
    return failed + len(failed_runs)


def offers_doctor(reasons: Iterable[str]) -> bool:
    """Say whether a failure looks as if Sequel answered otherwise than is documented, and nobody has looked into it."""
    return any(OTHER_ANSWERS.search(reason) and WHAT_TO_DO not in reason for reason in reasons)
