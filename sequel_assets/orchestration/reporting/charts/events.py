"""Two small charts of a company's events on a day: the retention curve and the funnel."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from sequel_assets.insights.event_retention import event_retention
from sequel_assets.insights.funnel import funnel
from sequel_assets.orchestration.reporting.charts.daily import (
    FONT,
    GRID,
    GROUND,
    INK,
    LIVE,
    as_markdown,
    blocks,
    empty_figure,
    entitle,
    undress,
)

CURVE_BLOCKS = 24
"""Of a curve in one line, at most."""
STEPS = ("registered", "attended", "stayed_half", "asked_or_answered", "came_again")


def read_curve(connection: sa.Connection, company_id: str, day: date) -> list[tuple[int, float]]:
    """Return (minute of the event, share of its peak) of the event that had the most people at once on a day."""
    c = event_retention.c
    here = (c.company_id == company_id, c.day == day, c.share_of_peak.is_not(None), c.minute_of_event.is_not(None))
    busiest = sa.select(c.event_id).where(*here).order_by(c.users.desc(), c.event_id).limit(1)
    event_id = connection.scalar(busiest)
    if event_id is None:
        return []
    curve = sa.select(c.minute_of_event, c.share_of_peak).where(*here, c.event_id == event_id).order_by(c.minute)
    return [(row.minute_of_event, row.share_of_peak) for row in connection.execute(curve)]


def draw_curve(company: str, day: date, curve: Sequence[tuple[int, float]]) -> str:
    """Return Markdown with the retention curve of a day's busiest event; no minutes, no text."""
    if not curve:
        return ""
    figure = empty_figure()
    axes = figure.add_axes((0.1, 0.2, 0.87, 0.62), facecolor=GROUND)
    axes.plot(*zip(*curve, strict=True), color=LIVE, linewidth=1.4)
    axes.set_ylim(0, 105)
    axes.set_yticks([0, 50, 100], ["0%", "50%", "100%"])
    axes.set_xlabel("minutes from the planned start", fontsize=7, color=INK, **FONT)
    axes.grid(axis="y", color=GRID, linewidth=0.6, antialiased=False)
    undress(axes)
    entitle(figure, company, f", {day}: share of the peak in the busiest event")
    return as_markdown(f"{company}, {day}: retention of the busiest event, {len(curve)} minutes", figure)


def curve_in_line(curve: Sequence[tuple[int, float]]) -> str:
    """Return the same in one line: how long the event had people, and a block for every so many minutes."""
    step = -(-len(curve) // CURVE_BLOCKS)
    bars = blocks([share for _, share in curve[::step]])
    return f"{len(curve):,} minutes of the busiest event {bars} share of its peak"


def read_steps(connection: sa.Connection, company_id: str, day: date) -> dict[str, int]:
    """Return the sums of a day's funnel rows: events in their window of which every step is known."""
    c = funnel.c
    sums = [sa.cast(sa.func.sum(c[name]), sa.BigInteger).label(name) for name in STEPS]
    known = (c[name].is_not(None) for name in STEPS)
    row = connection.execute(sa.select(*sums).where(c.company_id == company_id, c.day == day, *known)).one()
    return {name: row._mapping[name] for name in STEPS if row._mapping[name] is not None}


def draw_steps(company: str, day: date, steps: dict[str, int]) -> str:
    """Return Markdown with the funnel of the events of the last 30 days, people counted once per event.

    No people, no text.
    """
    if not any(steps.values()):
        return ""
    figure = empty_figure()
    axes = figure.add_axes((0.24, 0.04, 0.7, 0.78), facecolor=GROUND)
    places = list(range(len(steps)))[::-1]
    bars = axes.barh(places, list(steps.values()), color=LIVE, height=0.7, linewidth=0, antialiased=False)
    axes.bar_label(bars, [f"{number:,}" for number in steps.values()], fontsize=7, color=INK, padding=3, **FONT)
    axes.set_yticks(places, [name.replace("_", " ") for name in steps])
    axes.set_xticks([])
    axes.set_xlim(0, max(steps.values()) * 1.15)
    undress(axes)
    entitle(figure, company, f": events of the 30 days to {day}")
    return as_markdown(f"{company}, 30 days to {day}: {steps_in_line(steps)}", figure)


def steps_in_line(steps: dict[str, int]) -> str:
    """Return the same in one line."""
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in steps.items())
