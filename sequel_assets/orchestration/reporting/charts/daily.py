"""A small chart of a company's last 30 days, as Markdown that Dagster shows beside a slice's figures.

It goes into the event log, so it is kept to a few kilobytes: a PNG of few colours as a data URI. It has a light
background, since an image cannot know whether the page around it is light or dark.
"""

import base64
import io
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

DAYS = 30
MAX_BYTES = 8192
"""The most that the Markdown may take."""

Day = tuple[date, int, int, int | None]
"""A day, its live minutes, its on-demand minutes, its unique users (None: not known)."""

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


def draw(company_key: str, days: Sequence[Day]) -> str:
    """Return Markdown with a chart of the last 30 of these days: minutes as bars, people as a line; no days, no text.

    The same days give the same bytes. A missing day leaves a gap and is not drawn as zero.
    """
    if not days:
        return ""
    last = max(day for day, *_ in days)
    shown = sorted(day for day in days if day[0] > last - timedelta(days=DAYS))
    live, on_demand = sum(day[1] for day in shown), sum(day[2] for day in shown)
    caption = f"{company_key}, {DAYS} days to {last}: {live:,} live minutes, {on_demand:,} on demand"
    return as_markdown(caption, _figure(company_key, shown, last))


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


def _figure(company_key: str, shown: Sequence[Day], last: date) -> "Figure":
    figure = empty_figure()
    minutes = figure.add_axes((0.1, 0.13, 0.82, 0.66), facecolor=GROUND)
    first = last - timedelta(days=DAYS - 1)
    at = [(day - first).days for day, *_ in shown]
    live, on_demand = [day[1] for day in shown], [day[2] for day in shown]
    bars: dict[str, Any] = {"width": 0.72, "antialiased": False, "linewidth": 0}
    minutes.bar(at, live, color=LIVE, label="live minutes", **bars)
    minutes.bar(at, on_demand, bottom=live, color=ON_DEMAND, label="on-demand minutes", **bars)
    users = minutes.twinx()
    counted = [float("nan") if day[3] is None else day[3] for day in shown]
    by_place = dict(zip(at, counted, strict=True))
    places = range(DAYS)
    line = [by_place.get(place, float("nan")) for place in places]
    users.plot(places, line, color=PEOPLE, linewidth=1.4, marker="o", markersize=2, label="people")
    highest = max((sum(pair) for pair in zip(live, on_demand, strict=True)), default=0)
    _dress(minutes, highest, [first + timedelta(days=place) for place in places])
    _dress(users, max((n for n in counted if n == n), default=0), None)
    figure.text(0.012, 0.93, plain(company_key), fontsize=9, color=INK, weight="bold", va="center", **FONT)
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


def _dress(axes: Any, highest: float, days: Sequence[date] | None) -> None:
    """Give axes their limits, integer ticks and, where days are given, those as ticks and a grid."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(-0.7, DAYS - 0.3)
    axes.set_ylim(0, max(highest * 1.08, 1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: _short(number)))
    undress(axes)
    if days is None:
        return
    mondays = [place for place, day in enumerate(days) if day.weekday() == 0]
    axes.set_xticks(mondays, [f"{days[place]:%d %b}" for place in mondays])
    axes.grid(axis="y", color=GRID, linewidth=0.6, antialiased=False)
    axes.set_axisbelow(True)


def undress(axes: Any) -> None:
    """Remove everything from axes but their labels, small and in one colour."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, labelsize=7, labelcolor=INK, labelfontfamily=FONT["family"])


def entitle(figure: "Figure", company_key: str, text: str) -> None:
    """Write a company and what is shown of it above a figure."""
    title = f"{plain(company_key)}{text}"
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
