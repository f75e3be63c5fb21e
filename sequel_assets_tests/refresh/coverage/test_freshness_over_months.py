"""Months of hourly ticks: no false green and no false red."""

import random
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from sequel_assets.insights import LIFETIME_USAGE
from sequel_assets.refresh.core.retention import frozen_before
from sequel_assets.refresh.coverage.due_days import due_this_hour
from sequel_assets.refresh.coverage.freshness import Late, Watermark, late_slices
from sequel_assets.refresh.transform.derive import wanted_slices
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets_tests.refresh.coverage.history import DAY, HOUR, LATE_WINDOW, SETTLE, History, at
from sequel_assets_tests.support.suite.scale import scaled

EVERYTHING = 10_000
"""Days that Sequel keeps where it forgets nothing."""


def late_at(slices: dict[date, Watermark], now: datetime, kept: int) -> list[Late]:
    """The decision, of a company of which Sequel keeps `kept` days."""
    first_held = frozen_before(now, kept)
    return late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held)


def lifetime_of(history: History, now: datetime, kept: int) -> dict[date, Watermark]:
    """What the bookkeeping would say of an as-of insight that was derived at this moment from all that was refreshed."""
    start = min(history.refreshed, default=now.date())
    facts = {day: SimpleNamespace(checksum="", **vars(held)) for day, held in history.slices().items()}
    wanted, _ = wanted_slices(LIFETIME_USAGE, facts, start, frozen_before(now, kept))
    return {
        day: Watermark(
            want.data_through,
            want.full_through,
            want.full_through is not None and want.full_through >= day_end(day) + LATE_WINDOW,
        )
        for day, want in wanted.items()
    }


def test_ticks_over_months_show_no_false_green_and_no_false_red() -> None:
    """Hourly and odd minutes, outages of hours and days, late schedules: the decision is the oracle's at every tick."""
    dice = random.Random(7)
    ticks = reds = 0
    days = timedelta(days=scaled(26, 130))
    wanted = scaled(5_000, 60_000)
    zones = [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]
    for start, kept in (
        ("2026-01-20T00:00", EVERYTHING),
        ("2026-03-20T13:00", 3),
        ("2026-10-20T23:00", EVERYTHING),
        ("2027-12-20T05:00", 5),
        ("2028-02-20T11:00", EVERYTHING),
    ):
        history, now = History(), at(start)
        away_until = now
        while now < at(start) + days:
            if dice.random() < 0.004:
                away_until = now + dice.choice([HOUR, 3 * HOUR, 12 * HOUR, 3 * DAY, 8 * DAY]) * dice.random()
            fires = now.replace(minute=SETTLE.seconds // 60) + timedelta(
                minutes=dice.choice([0, 0, 0, 0, 1, 7, 20, 44])
            )
            for minute in sorted(dice.sample(range(60), 5)):
                tick = now.replace(minute=minute)
                if fires is not None and fires <= tick and fires >= away_until:
                    first_held = frozen_before(fires, kept)
                    due = due_this_hour(
                        history.slices(), fires, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held
                    )
                    assert all(fires - day_end(day) <= kept * DAY for day in due)
                    history.refresh(fires, due)
                    fires = None  # type: ignore[assignment]
                if tick.minute >= 5 or dice.random() < 0.5:
                    local = tick.astimezone(dice.choice(zones))
                    found = {late.day for late in late_at(history.slices(), local, kept)}
                    assert found == history.late_days(tick, kept), tick
                    if not found:
                        assert late_at(lifetime_of(history, tick, kept), tick, kept) == []
                    ticks, reds = ticks + 1, reds + bool(found)
            now += HOUR
            for day in [day for day in history.refreshed if (now.date() - day).days > 12]:
                del history.refreshed[day]  # old days are final; keep the walk short
    assert ticks >= wanted * 9 // 10
    assert 0 < reds < ticks
