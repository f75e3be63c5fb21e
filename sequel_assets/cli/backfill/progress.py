"""Progress of a backfill: bars in a terminal, a line per company elsewhere; requests made, requests left, time left."""

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

from sequel_assets.cli.backfill.company_run import CompanyResult, Task, Tick
from sequel_assets.cli.backfill.estimate import Estimate
from sequel_assets.cli.support.terminal import console
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.safety.visible import visible


class ProgressView:
    """What people see of a backfill while it goes on; `progress` is None where the output is no terminal."""

    def __init__(self, tasks: Sequence[Task], events: Mapping[str, int], progress: Progress | None) -> None:
        self._tasks = {task.company.company_id: task for task in tasks}
        self._estimate, self._began, self._progress = Estimate(events), time.monotonic(), progress
        self._bars: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}
        self._total = sum(_slices(task) for task in tasks)
        self._all = (
            progress.add_task("all companies", total=self._total, words="") if progress and len(tasks) > 1 else None
        )

    def hear(self, news: Tick | CompanyResult) -> None:
        """Show how far a company is, or that it is done."""
        self._estimate.hear(news)
        company_id = news.task.company.company_id if isinstance(news, CompanyResult) else news.company_id
        self._done[company_id] = news.slices + news.above
        if self._progress is not None:
            self._move(self._progress, company_id, news)
        if isinstance(news, CompanyResult):
            console().print(self._line(news))

    def _move(self, progress: Progress, company_id: str, news: Tick | CompanyResult) -> None:
        if company_id not in self._bars:
            task = self._tasks[company_id]
            key = visible(task.company.partition_key)
            self._bars[company_id] = progress.add_task(key, total=_slices(task), words="")
        words = f"{news.requests:,} requests"
        if isinstance(news, Tick) and news.left is not None:
            words += f", about {news.left:,} left"
        bar = self._bars[company_id]
        progress.update(bar, completed=news.slices, words=words, visible=isinstance(news, Tick))
        if self._all is not None:
            done = min(sum(self._done.values()), self._total)  # two at once may both tell of the same roll-up
            progress.update(self._all, completed=done, words=self._pace())

    def _pace(self) -> str:
        """Return the rate, requests made and left, and the time left."""
        seconds = time.monotonic() - self._began
        words = f"{self._estimate.requests:,} requests, {self._estimate.requests / max(seconds, 0.001):,.0f}/s"
        left, time_left = self._estimate.left, self._estimate.seconds_left(seconds)
        if left is not None and time_left is not None:
            words += f", about {left:,} left, {timedelta(seconds=round(time_left))}"
        return words

    def _line(self, told: CompanyResult) -> str:
        key, failed = told.task.company.partition_key, told.count(SliceStatus.FAILED)
        mine = f"{key}: {told.slices} slices, {failed} failed, {told.requests:,} requests, run {told.run_id or 'lost'}"
        return mine if len(self._tasks) == 1 else f"{mine}; all: {self._pace()}"


def _slices(task: Task) -> int:
    return len(days_between(task.first, task.last)) * len(SLICED)


@contextmanager
def view(tasks: Sequence[Task], events: Mapping[str, int]) -> Iterator[ProgressView]:
    """Yield what shows the progress of the companies, of which each has so many events."""
    if not console().is_terminal:
        yield ProgressView(tasks, events, None)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console()) as progress:
        yield ProgressView(tasks, events, progress)
