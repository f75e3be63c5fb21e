"""Which slices of a run's range are asked for: by the run's mode, the hour, and what is kept already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from sequel_assets.refresh.due import Coverage, due_this_hour, to_ask
from sequel_assets.refresh.ledger import landed_days, troubled
from sequel_assets.settings import Settings

from .modes import ACCEPT, FORCE, HOURLY, is_on


@dataclass(frozen=True)
class Choice:
    """What a run does with the days of its range."""

    asked: dict[str, dict[date, Coverage]]
    """company -> the days that are asked for, and how."""
    kept: dict[str, set[date]]
    """company -> the days that stay as they are."""
    is_hourly: bool
    accepts_loss: bool


def choose(
    connection: sa.Connection, wanted: Mapping[str, Sequence[date]], tags: Mapping[str, str], settings: Settings
) -> Choice:
    """Return what to ask for of the companies' days that a run covers."""
    now, settle = settings.clock(), timedelta(minutes=settings.settle_minutes)
    window = timedelta(hours=settings.late_window_hours)
    held = landed_days(connection, list(wanted))
    undone = troubled(connection, wanted)
    asked: dict[str, dict[date, Coverage]] = {}
    for company_id, days in wanted.items():
        if is_on(tags, HOURLY):
            due = due_this_hour(held[company_id], now, settle=settle, late_window=window)
            asked[company_id] = {day: due[day] for day in days if day in due}
        elif is_on(tags, FORCE) or is_on(tags, ACCEPT):
            asked[company_id] = dict.fromkeys(days, Coverage.FULL)
        else:
            chosen = to_ask(days, held[company_id], now, settle=settle, again=company_id in undone)
            asked[company_id] = dict.fromkeys(chosen, Coverage.FULL)
    kept = {company_id: set(days) - asked[company_id].keys() for company_id, days in wanted.items()}
    return Choice(asked, kept, is_on(tags, HOURLY), is_on(tags, ACCEPT))
