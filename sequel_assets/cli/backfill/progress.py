"""Show the progress of a backfill: bars in a terminal, else a line per company; requests made and left, time left."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, Task
from sequel_assets.cli.backfill.estimate import Estimate
from sequel_assets.cli.support.terminal import console
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.safety.visible import visible


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
            text += f", about {message.left:,} left"
        bar = self._bars[company_id]
        progress.update(bar, completed=message.slices, text=text, visible=isinstance(message, ProgressUpdate))
        if self._all is not None:
            done = min(sum(self._done.values()), self._total)  # two runs may both report the same roll-up
            progress.update(self._all, completed=done, text=self._pace())

    def _pace(self) -> str:
        """Return the rate, requests made and left, and the time left."""
        seconds = time.monotonic() - self._began
        text = f"{self._estimate.requests:,} requests, {self._estimate.requests / max(seconds, 0.001):,.0f}/s"
        left, time_left = self._estimate.left, self._estimate.seconds_left(seconds)
        if left is not None and time_left is not None:
            text += f", about {left:,} left, {timedelta(seconds=round(time_left))}"
        return text

    def _line(self, result: CompanyResult) -> str:
        key, failed = result.task.company.partition_key, result.count(SliceStatus.FAILED)
        line = f"{key}: {result.slices} slices, {failed} failed, {result.requests:,} requests, "
        line += f"run {result.run_id or 'lost'}"
        return line if len(self._tasks) == 1 else f"{line}; all: {self._pace()}"


def _slices(task: Task) -> int:
    return len(days_between(task.first, task.last)) * len(SLICED)


@contextmanager
def view(tasks: Sequence[Task], events: Mapping[str, int]) -> Iterator[ProgressView]:
    """Yield the view of the companies' progress; `events` is the number of events of each company."""
    if not console().is_terminal:
        yield ProgressView(tasks, events, None)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console()) as progress:
        yield ProgressView(tasks, events, progress)
