"""The page of Dagster that the demo opens: a slice with its figures and its chart. It decides; the command opens it."""

from collections.abc import Mapping
from datetime import date
from urllib.parse import quote

import sqlalchemy as sa

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import ALL


def first_page(connection: sa.Connection, today: date) -> str:
    """Return the path of the page of daily usage, at the newest day that is over and the company with most minutes on it."""
    u = daily_usage.c
    chosen = (u.event_type == ALL, u.day < today, u.engaged_minutes > 0)
    busiest = sa.select(u.company_id, u.day).where(*chosen).order_by(u.day.desc(), u.engaged_minutes.desc()).limit(1)
    page = "/assets/daily_usage?view=partitions"
    if (found := connection.execute(busiest).first()) is None:
        return page
    return f"{page}&partition={quote(f'{catalog.partition_keys(connection)[found.company_id]}|{found.day}')}"


def can_show(environment: Mapping[str, str], platform: str, *, is_terminal: bool) -> bool:
    """Say whether a page can be opened for whoever typed the command; a browser of the terminal would take it. Pure."""
    has_screen = platform == "darwin" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
    return is_terminal and has_screen
