"""What people see in a terminal: tables, progress, errors. Plain lines where the output is no terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table


@cache
def console() -> Console:
    """Return the standard output, made on first use: it looks at the environment."""
    return Console(soft_wrap=True, highlight=False, emoji=False)


@cache
def errors() -> Console:
    """Return the standard error output, likewise."""
    return Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)


class UsageError(Exception):
    """A wrong argument; the text is one line that names the value and what is allowed. Nothing was written."""


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], footer: Sequence[object] = ()) -> None:
    """Print a table; numbers stand to the right. What comes from outside cannot style the output."""
    shown = Table(title=title, title_justify="left", title_style="bold", show_footer=bool(footer))
    for place, heading in enumerate(headings):
        is_number = bool(rows) and all(isinstance(row[place], int | float) or row[place] is None for row in rows)
        shown.add_column(
            heading,
            justify="right" if is_number else "left",
            footer=_text(footer[place]) if footer else "",
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*(_text(cell) for cell in row))
    if console().is_terminal:
        console().print(shown)
        return
    wide = Console(file=console().file, width=max(120, 40 * len(headings)), highlight=False, emoji=False)
    wide.print(shown)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else escape(str(cell))


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show one bar of `total` steps and yield what moves it on; nothing is shown where the output is no terminal."""
    if not console().is_terminal or not total:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console()) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(bar, steps)
