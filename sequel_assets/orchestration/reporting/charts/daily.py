"""A small chart of a company's last 30 days, as Markdown that Dagster shows beside a slice's figures at a click.

It begins with the first day that has any use. It goes into the event log, so it is kept to a few kilobytes: a PNG of few colours as a data URI. It has a light
background, since an image cannot know whether the page around it is light or dark.
"""

import base64
import io
import math
import os
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.orchestration.reporting.markdown import escaped, shown_as_is
from sequel_assets.warehouse.tables.core import ALL

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

DAYS, MIN_DAYS = 30, 7
"""The days that a chart has room for, at most and at least."""
MAX_BYTES = 8192
"""The most that the Markdown may take."""

Day = tuple[date, int, int, int | None]
"""A day, its live minutes, its on-demand minutes, its unique users (None: not known)."""

BARS = "▁▂▃▄▅▆▇█"
GROUND, INK, GRID = "#fafafa", "#2b2f36", "#d9dce1"
LIVE, ON_DEMAND, PEOPLE = "#2f6fde", "#9dc3f7", "#c2410c"  # they differ in lightness too, for people who see no colours
_SHADES = ((4, 2), (2, 2), (4, 1), (2, 1), (1, 1))
"""Shades of the letters and of the line, for smooth edges: as many as fit into MAX_BYTES."""


def read_days(connection: sa.Connection, company_id: str, last_day: date) -> list[Day]:
    """Return the refreshed days of a company among the 30 up to `last_day`, from `daily_usage`, in their order."""
    c = daily_usage.c
    first = last_day - timedelta(days=DAYS - 1)
    rows = connection.execute(
        sa.select(c.day, c.live_minutes, c.on_demand_minutes, c.unique_users)
        .where(c.company_id == company_id, c.event_type == ALL, c.day.between(first, last_day))
        .order_by(c.day)
    )
    return [(row.day, row.live_minutes, row.on_demand_minutes, row.unique_users) for row in rows]


def draw(company: str, days: Sequence[Day]) -> str:
    """Return Markdown with a chart of the last 30 of these days: minutes as bars, people as a line; no days, no text.

    The same days give the same bytes. A missing day leaves a gap and is not drawn as zero.
    """
    if not days:
        return ""
    last = max(day for day, *_ in days)
    first, shown = _shown(days)
    live, on_demand = sum(day[1] for day in shown), sum(day[2] for day in shown)
    caption = f"{company}, {first} to {last}: {live:,} live minutes, {on_demand:,} on demand"
    return as_markdown(caption, _figure(company, shown, first, last))


def days_in_line(days: Sequence[Day]) -> str:
    """Return the same in one line that Dagster shows at once: the minutes' sum, the most of a day, a block for each day."""
    if not days:
        return ""
    first, shown = _shown(days)
    minutes = {day: live + on_demand for day, live, on_demand, _ in shown}
    last = max(minutes)
    bars = blocks([minutes.get(first + timedelta(days=place)) for place in range((last - first).days + 1)])
    return f"{sum(minutes.values()):,} minutes, at most {max(minutes.values()):,} a day {bars} to {last}"


def _shown(days: Sequence[Day]) -> tuple[date, list[Day]]:
    """Return the first day that a chart shows, and the days from it on: the last 30, without the idle ones before any use."""
    last = max(day for day, *_ in days)
    recent = sorted(day for day in days if day[0] > last - timedelta(days=DAYS))
    used = [day for day, live, on_demand, people in recent if live or on_demand or people]
    first = min([*used[:1], last - timedelta(days=MIN_DAYS - 1)])
    return first, [day for day in recent if day[0] >= first]


def blocks(values: Sequence[float | None]) -> str:
    """Return numbers as bars of text, a dot for what is not known; the highest one is full, and only nothing is empty."""
    highest = max((value for value in values if value is not None), default=0)
    return "".join(
        "·" if value is None else BARS[math.ceil(value / highest * (len(BARS) - 1))] if highest else BARS[0]
        for value in values
    )


def as_markdown(caption: str, figure: "Figure") -> str:
    """Return Markdown with an image of a figure, with as many shades as fit; only the caption where none does."""
    pixels = _pixels(figure)
    for shades in _SHADES:
        image = base64.b64encode(_png(pixels, shades)).decode()
        markdown = f"![{escaped(caption)}](data:image/png;base64,{image})"
        if len(markdown) <= MAX_BYTES:
            return markdown
    return shown_as_is(caption)


def empty_figure() -> "Figure":
    """Return a figure of the size and background that every chart has."""
    # without it Matplotlib would write its font cache into the user's home
    home = os.environ.get("DAGSTER_HOME") or tempfile.gettempdir()
    os.environ.setdefault("MPLCONFIGDIR", str(Path(home) / "matplotlib"))
    from matplotlib.figure import Figure  # imported here: it takes half a second, and most processes draw nothing

    return Figure(figsize=(5.2, 1.9), dpi=100, facecolor=GROUND)


def _figure(company: str, shown: Sequence[Day], first: date, last: date) -> "Figure":
    figure = empty_figure()
    minutes = figure.add_axes((0.1, 0.13, 0.82, 0.66), facecolor=GROUND)
    at = [(day - first).days for day, *_ in shown]
    live, on_demand = [day[1] for day in shown], [day[2] for day in shown]
    bars: dict[str, Any] = {"width": 0.72, "antialiased": False, "linewidth": 0}
    minutes.bar(at, live, color=LIVE, label="live minutes", **bars)
    minutes.bar(at, on_demand, bottom=live, color=ON_DEMAND, label="on-demand minutes", **bars)
    users = minutes.twinx()
    counted = [float("nan") if day[3] is None else day[3] for day in shown]
    by_place = dict(zip(at, counted, strict=True))
    places = range((last - first).days + 1)
    line = [by_place.get(place, float("nan")) for place in places]
    users.plot(places, line, color=PEOPLE, linewidth=1.4, marker="o", markersize=2, label="people")
    highest = max((sum(pair) for pair in zip(live, on_demand, strict=True)), default=0)
    _dress(minutes, highest, len(places), first)
    _dress(users, max((n for n in counted if n == n), default=0), len(places), None)
    figure.text(0.012, 0.93, plain(company), fontsize=9, color=INK, weight="bold", va="center", **FONT)
    figure.text(0.99, 0.93, f"{first} to {last}, UTC days", fontsize=7, color=INK, ha="right", va="center", **FONT)
    handles = [part for axes in (minutes, users) for part in axes.get_legend_handles_labels()[0]]
    figure.legend(
        handles=handles,
        labels=["live minutes (left)", "on-demand minutes (left)", "people that day (right)"],
        loc="center left", bbox_to_anchor=(0.0, 0.845), ncols=3, frameon=False, prop={"size": 7, **FONT},
        handlelength=1.2, columnspacing=1.2, labelcolor=INK,
    )  # fmt: skip
    return figure


FONT: dict[str, Any] = {"family": "DejaVu Sans"}  # Matplotlib brings it: the same on every machine


def _dress(axes: Any, highest: float, number: int, first: date | None) -> None:
    """Give axes their limits, integer ticks and, where the first day is given, days as ticks and a grid."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(-0.7, number - 0.3)
    axes.set_ylim(0, max(highest * 1.08, 1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: _short(number)))
    undress(axes)
    if first is None:
        return
    days = [first + timedelta(days=place) for place in range(number)]
    named = [
        place for place, day in enumerate(days) if (day.weekday() == 0 if number > 2 * MIN_DAYS else place % 2 == 0)
    ]
    axes.set_xticks(named, [f"{days[place]:%d %b}" for place in named])
    axes.grid(axis="y", color=GRID, linewidth=0.6, antialiased=False)
    axes.set_axisbelow(True)


def undress(axes: Any) -> None:
    """Remove everything from axes but their labels, small and in one colour."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, labelsize=7, labelcolor=INK, labelfontfamily=FONT["family"])


def entitle(figure: "Figure", company: str, text: str) -> None:
    """Write a company and what is shown of it above a figure."""
    title = f"{plain(company)}{text}"
    figure.text(0.012, 0.93, title, fontsize=8, color=INK, weight="bold", va="center", **FONT)


def _short(number: float) -> str:
    """Return a number in few characters: 950, 1.5k, 20k, 3M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


def _pixels(figure: "Figure") -> "Image":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)  # no pyplot: it keeps figures in a process-wide registry
    canvas.draw()
    return Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba().tobytes()).convert("RGB")


def _png(pixels: "Image", shades: tuple[int, int]) -> bytes:
    """Return a PNG of a fixed palette: an adaptive one would have other colours for other days."""
    from PIL import Image

    ink, ground, people = (bytes.fromhex(colour[1:]) for colour in (INK, GROUND, PEOPLE))
    colours = [ground, *(bytes.fromhex(colour[1:]) for colour in (GRID, LIVE, ON_DEMAND))]
    for colour, steps in zip((ink, people), shades, strict=True):
        colours += [
            bytes((f * (steps - step) + g * step) // steps for f, g in zip(colour, ground, strict=True))
            for step in range(steps)
        ]
    palette = Image.new("P", (1, 1))
    palette.putpalette(b"".join(colours))
    out = io.BytesIO()
    pixels.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "png", optimize=True, bits=4)
    return out.getvalue()


def plain(text: str) -> str:
    """Return a name as the chart shows it: short, in letters that its font has, and never as a formula."""
    seen = "".join(letter if letter.isprintable() and letter < "\u0250" else "?" for letter in text)
    return (seen if len(seen) <= 40 else seen[:39] + "…").replace("$", r"\$")
