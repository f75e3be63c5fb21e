"""Two small charts of a company: this period beside the one before, and the people in each minute of a day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from sequel_assets.insights.periods import PREVIOUS
from sequel_assets.insights.usage_comparison import usage_comparison
from sequel_assets.orchestration.reporting.charts.daily import (
    FONT,
    GRID,
    GROUND,
    INK,
    LIVE,
    ON_DEMAND,
    PEOPLE,
    as_markdown,
    blocks,
    empty_figure,
    entitle,
    undress,
)
from sequel_assets.warehouse.tables.core import event_concurrency

PERIODS = ("last_7_days", "last_28_days", "month", "quarter")
Compared = tuple[str, float, float, float | None]
"""A period, its minutes a day, those of the one before, the change in percent (None: not like for like)."""
_LONGEST_GAP = timedelta(minutes=5)


def read_comparison(connection: sa.Connection, company_id: str, day: date) -> list[Compared]:
    """Return the periods of a day that have one before them in the history, in the order of drawing."""
    c = usage_comparison.c
    chosen = (c.company_id == company_id, c.day == day, c.compared_with == PREVIOUS, c.period.in_(PERIODS))
    columns = (c.period, c.engaged_minutes_per_day, c.before_engaged_minutes_per_day, c.engaged_minutes_change)
    rows = connection.execute(sa.select(*columns).where(*chosen, c.before_engaged_minutes_per_day.is_not(None)))
    return sorted((tuple(row) for row in rows), key=lambda row: PERIODS.index(row[0]))


def draw_comparison(company: str, day: date, compared: Sequence[Compared]) -> str:
    """Return Markdown with two bars for each period; nothing to compare or nobody there, no text."""
    if not any(now or before for _, now, before, _ in compared):
        return ""
    figure = empty_figure()
    axes = figure.add_axes((0.16, 0.04, 0.74, 0.72), facecolor=GROUND)
    places = list(range(len(compared)))[::-1]
    for values, shift, colour, label in (
        ([now for _, now, _, _ in compared], 0.2, LIVE, "this one as far as it has gone"),
        ([before for _, _, before, _ in compared], -0.2, ON_DEMAND, "as much of the one before"),
    ):
        at = [place + shift for place in places]
        bars = axes.barh(at, values, 0.38, color=colour, label=label, linewidth=0, antialiased=False)
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], fontsize=6, color=INK, padding=2, **FONT)
    axes.set_yticks(places, [period.replace("_", " ") for period, *_ in compared])
    axes.set_xticks([])
    axes.set_ylim(len(places) - len(PERIODS) - 0.5, len(places) - 0.5)
    axes.set_xlim(0, max(max(now, before) for _, now, before, _ in compared) * 1.12)
    for place, (*_, change) in zip(places, compared, strict=True):
        label = "" if change is None else f"{change:+,.0f}%"
        axes.annotate(
            label,
            (1.1, place),
            xycoords=("axes fraction", "data"),
            fontsize=7,
            color=INK,
            weight="bold",
            ha="right",
            va="center",
            **FONT,
        )
    undress(axes)
    entitle(figure, company, f", {day}: engaged minutes a day")
    figure.legend(
        loc="center left",
        bbox_to_anchor=(0.0, 0.83),
        ncols=2,
        frameon=False,
        prop={"size": 7, **FONT},
        handlelength=1.2,
        labelcolor=INK,
    )
    return as_markdown(f"{company}, {day}, {comparison_in_line(compared)}", figure)


def comparison_in_line(compared: Sequence[Compared]) -> str:
    """Return the same in one line."""
    parts = (f"{period.replace('_', ' ')} {now:,.1f}, before {before:,.1f}" for period, now, before, _ in compared)
    return f"engaged minutes a day: {'; '.join(parts)}"


def read_minutes(connection: sa.Connection, company_id: str, day: date) -> list[tuple[datetime, int]]:
    """Return how many people watched a company's stage events in each minute of a day that Sequel returns."""
    c = event_concurrency.c
    users = sa.cast(sa.func.sum(c.users), sa.BigInteger)
    query = sa.select(c.minute, users).where(c.company_id == company_id, c.day == day)
    return [(minute, many) for minute, many in connection.execute(query.group_by(c.minute).order_by(c.minute))]


def draw_minutes(company: str, day: date, minutes: Sequence[tuple[datetime, int]]) -> str:
    """Return Markdown with the concurrency of a day and its peak marked; nobody there, no text."""
    highest = max((users for _, users in minutes), default=0)
    if not highest:
        return ""
    peak_at = next(minute for minute, users in minutes if users == highest)
    curve: list[tuple[float, float]] = []
    for place, (minute, users) in enumerate(minutes):
        if place and minute - minutes[place - 1][0] > _LONGEST_GAP:  # no line between two events
            curve.append((_hour_of(minute), float("nan")))
        curve.append((_hour_of(minute), users))
    figure = empty_figure()
    axes = figure.add_axes((0.08, 0.2, 0.88, 0.62), facecolor=GROUND)
    axes.plot(*zip(*curve, strict=True), color=LIVE, linewidth=1.2)
    axes.plot([_hour_of(peak_at)], [highest], color=PEOPLE, marker="o", markersize=4)
    hours = range(minutes[0][0].hour, minutes[-1][0].hour + 2)
    ticks = hours[:: 1 + len(hours) // 9]
    axes.set_xlim(hours[0], hours[-1])
    axes.set_ylim(0, highest * 1.12)
    axes.set_xticks(ticks, [f"{hour:02}:00" for hour in ticks])
    axes.set_yticks(sorted({0, highest // 2, highest}))
    axes.set_xlabel("UTC, over all stage events", fontsize=7, color=INK, **FONT)
    axes.grid(axis="y", color=GRID, linewidth=0.6, antialiased=False)
    undress(axes)
    text = f", {day}: {highest:,} people at once at {peak_at:%H:%M}"
    entitle(figure, company, text)
    return as_markdown(f"{company}{text} UTC, over all stage events", figure)


def minutes_in_line(minutes: Sequence[tuple[datetime, int]]) -> str:
    """Return the same in one line: the peak, and a block for the most people of each hour."""
    highest, at = max((users, -minute.timestamp()) for minute, users in minutes)
    hours = {minute.hour: 0 for minute, _ in minutes}
    for minute, users in minutes:
        hours[minute.hour] = max(hours[minute.hour], users)
    first, last = min(hours), max(hours)
    bars = blocks([hours.get(hour) for hour in range(first, last + 1)])
    return f"{highest:,} people at once at {datetime.fromtimestamp(-at, UTC):%H:%M} UTC {bars} {first:02}:00 to {last:02}:59"


def _hour_of(minute: datetime) -> float:
    return minute.hour + minute.minute / 60
