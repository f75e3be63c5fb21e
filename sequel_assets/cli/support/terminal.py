"""Output of commands: tables, progress, errors; plain lines where the output is not a terminal.

All output passes through the two consoles of this module. They never read text as markup, and never let a terminal
control of foreign text through (see `visible`).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from sequel_assets.queries.errors import QueryError
from sequel_assets.safety.visible import as_line, harmless, visible

MAX_CELL = 500
TO_THE_MINUTE, TO_THE_SECOND = len("2026-11-23T14:20"), len("2026-11-23T14:20:05")


class SafeConsole(Console):
    """A console that applies only the styles of the code and writes every control in a text as an escape."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, highlight=False, emoji=False, markup=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Escape controls before the width of the text is measured."""
        return super().render_str(harmless(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escape controls in whatever is not a plain string, as the last step before styles become control codes."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)

    def out(self, *objects: Any, **options: Any) -> None:
        """Write texts such as JSON without wrapping or styles; controls are written as escapes."""
        super().out(*(harmless(str(each)) for each in objects), **options)


class PreparedLine(str):
    """A cell with a finished line of ours: foreign text in it was escaped where the line was built."""

    __slots__ = ()


@cache
def console() -> SafeConsole:
    """Return the console of the standard output, created on first use because it reads the environment."""
    return SafeConsole(soft_wrap=True)


@cache
def errors() -> SafeConsole:
    """Return the console of the standard error output, created on first use."""
    return SafeConsole(stderr=True, soft_wrap=True)


class UsageError(QueryError):
    """A wrong argument of a command."""


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], footer: Sequence[object] = ()) -> None:
    """Print a table; numbers are right-aligned. Foreign text cannot style the output."""
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
    SafeConsole(file=console().file, width=max(120, 40 * len(headings))).print(shown)


def print_csv(text: str) -> None:
    """Print a CSV; a terminal gets it without the controls that it would act on."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)


def shortened(value: Any, length: int) -> Any:
    """Return a time of JSON to the minute or to the second; anything else unchanged."""
    return value[:length].replace("T", " ") if isinstance(value, str) and value[10:11] == "T" else value


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else _visible_cell(cell)


def _visible_cell(cell: object) -> str:
    return as_line(cell) if isinstance(cell, PreparedLine) else visible(str(cell), MAX_CELL)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar of `total` steps and yield the function that advances it; outside of a terminal nothing is shown."""
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
