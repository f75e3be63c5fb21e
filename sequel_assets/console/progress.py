"""Progress in a terminal: a bar per company and one over all, each with its slices, rate and time left."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from sequel_assets.refresh.outcomes import Outcome
from sequel_assets.warehouse.catalog import KnownCompany

from .output import console

Tell = Callable[[Outcome], None]


class Rate(ProgressColumn):
    """Slices per second."""

    def render(self, task: Task) -> Text:
        """Return the rate of late, or of the whole where it is done."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f} slices/s")


class Bars:
    """A bar per company as its turn comes, and one over all companies where there are several."""

    def __init__(
        self, progress: Progress, companies: Sequence[KnownCompany], first: date, last: date, slices: int
    ) -> None:
        self._progress, self._first, self._last, self._slices = progress, first, last, slices
        self._all = progress.add_task("all companies", total=slices * len(companies)) if len(companies) > 1 else None

    def of(self, company: KnownCompany) -> Tell:
        """Return what is told of each outcome of a company; days that nobody asked for do not count."""
        bar = self._progress.add_task(escape(company.partition_key), total=self._slices)

        def tell(outcome: Outcome) -> None:
            if not self._first <= outcome.day <= self._last:
                return
            self._progress.advance(bar)
            if self._all is not None:
                self._progress.advance(self._all)

        return tell


@contextmanager
def bars(companies: Sequence[KnownCompany], first: date, last: date, slices: int) -> Iterator[Bars | None]:
    """Show the bars, `slices` to each company; None where the output is no terminal."""
    if not console().is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console()) as progress:
        yield Bars(progress, companies, first, last, slices)
