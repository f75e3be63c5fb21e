"""What people see in a terminal: tables, progress, errors. Plain lines where the output is no terminal.

All that is said leaves by the two consoles of this module: no text is read as markup, and none is obeyed (see `visible`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from sequel_assets.safety.visible import as_line, harmless, visible

LONGEST_CELL = 500


class Exit(Console):
    """A console by which text leaves: it styles by our own words alone, and nothing that comes from outside is obeyed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, highlight=False, emoji=False, markup=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text visible before its width is measured."""
        return super().render_str(harmless(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Make visible whatever was no plain text: the last thing before the control codes of our own styles."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)

    def out(self, *objects: Any, **options: Any) -> None:
        """Write texts as they are, such as JSON, but for what a terminal would obey."""
        super().out(*(harmless(str(each)) for each in objects), **options)


class Line(str):
    """A finished line of ours, in a cell: what is foreign in it has been made visible where it was put together."""

    __slots__ = ()


@cache
def console() -> Exit:
    """Return the standard output, made on first use: it looks at the environment."""
    return Exit(soft_wrap=True)


@cache
def errors() -> Exit:
    """Return the standard error output, likewise."""
    return Exit(stderr=True, soft_wrap=True)


class UsageError(Exception):
    """A wrong argument; the text is one line that names the value and what is allowed. Nothing was written."""


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], footer: Sequence[object] = ()) -> None:
    """Print a table; numbers stand to the right. What comes from outside cannot style the output."""
    shown = Table(title=as_line(title), title_justify="left", title_style="bold", show_footer=bool(footer))
    for place, heading in enumerate(headings):
        is_number = bool(rows) and all(isinstance(row[place], int | float) or row[place] is None for row in rows)
        shown.add_column(
            visible(heading),
            justify="right" if is_number else "left",
            footer=_text(footer[place]) if footer else "",
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*(_text(cell) for cell in row))
    if console().is_terminal:
        console().print(shown)
        return
    Exit(file=console().file, width=max(120, 40 * len(headings))).print(shown)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else _visible(cell)


def _visible(cell: object) -> str:
    return as_line(cell) if isinstance(cell, Line) else visible(str(cell), LONGEST_CELL)


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show one bar of `total` steps and yield what moves it on; nothing is shown where the output is no terminal."""
    if not console().is_terminal or not total:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console()) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(bar, steps)
