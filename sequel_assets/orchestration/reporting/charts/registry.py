"""The datasets whose slices have a chart, and how each is read and drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.insights.event_retention import EVENT_RETENTION
from sequel_assets.insights.funnel import FUNNEL
from sequel_assets.insights.peak_concurrency import PEAK_CONCURRENCY
from sequel_assets.insights.usage_comparison import USAGE_COMPARISON
from sequel_assets.orchestration.reporting.charts.daily import days_in_line, draw, read_days
from sequel_assets.orchestration.reporting.charts.events import (
    curve_in_line,
    draw_curve,
    draw_steps,
    read_curve,
    read_steps,
    steps_in_line,
)
from sequel_assets.orchestration.reporting.charts.usage import (
    comparison_in_line,
    draw_comparison,
    draw_minutes,
    minutes_in_line,
    read_comparison,
    read_minutes,
)


@dataclass(frozen=True)
class Chart:
    """What is shown of a dataset beside a slice's figures."""

    name: str
    read: Callable[[sa.Connection, str, date], Any]
    """Reads what is shown of a company up to a day."""
    draw: Callable[[str, date, Any], str]
    """Draws it as Markdown, which Dagster shows at a click; "" for nothing."""
    in_line: Callable[[Any], str]
    """Returns it as a line, which Dagster shows at once."""

    def metadata(self, company: str, day: date, data: Any) -> dict[str, Any]:
        """Return the chart and its line; nothing where there is nothing to see."""
        drawn = self.draw(company, day, data)
        line = {f"{self.name}_line": self.in_line(data)} if drawn else {}
        return line | ({self.name: dg.MetadataValue.md(drawn)} if drawn else {})


CHARTS = {
    DAILY_USAGE.name: Chart("last_30_days", read_days, lambda company, _, days: draw(company, days), days_in_line),
    PEAK_CONCURRENCY.name: Chart("concurrency", read_minutes, draw_minutes, minutes_in_line),
    USAGE_COMPARISON.name: Chart("comparison", read_comparison, draw_comparison, comparison_in_line),
    EVENT_RETENTION.name: Chart("retention", read_curve, draw_curve, curve_in_line),
    FUNNEL.name: Chart("last_30_days", read_steps, draw_steps, steps_in_line),
}
"""The datasets that have a chart."""
