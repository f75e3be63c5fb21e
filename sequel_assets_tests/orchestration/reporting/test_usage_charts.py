"""The small pictures of a company's use: what they are drawn from, that they fit, and that the same numbers give the same bytes."""

from __future__ import annotations

from datetime import timedelta

from sequel_assets.insights.usage_comparison import usage_comparison
from sequel_assets.orchestration.reporting.charts.daily import MAX_BYTES
from sequel_assets.orchestration.reporting.charts.usage import (
    Compared,
    comparison_in_line,
    draw_comparison,
    draw_minutes,
    minutes_in_line,
    read_comparison,
    read_minutes,
)
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import event_concurrency
from sequel_assets_tests.support.rows import ACME, AT, DAY, hour, known_company, known_event


def test_periods_are_compared_with_the_one_before_where_there_is_one(warehouse: Warehouse) -> None:
    """Neither a year before, nor other periods, nor what lies before the history; in their order, not the alphabet's."""
    zeros = {c.name: 0 for c in usage_comparison.columns if not c.nullable}
    flags = dict.fromkeys(("is_over", "is_complete", "before_is_complete"), False)
    whole = (
        zeros
        | flags
        | {"company_id": ACME, "day": DAY, "first_day": DAY, "before_first_day": DAY, "before_last_day": DAY}
    )
    rows = [
        {"period": period, "compared_with": how, "engaged_minutes_per_day": 3.5, "before_engaged_minutes_per_day": before,
         "engaged_minutes_change": change}
        for period, how, before, change in (
            ("month", "previous", 2.0, None), ("last_7_days", "previous", 7.0, -50.0), ("quarter", "previous", None, None),
            ("last_7_days", "year_before", 1.0, 250.0), ("week", "previous", 1.0, 250.0),
        )
    ]  # fmt: skip
    with warehouse.write() as connection:
        connection.execute(usage_comparison.insert(), [whole | row for row in rows])
        assert read_comparison(connection, ACME, DAY) == [("last_7_days", 3.5, 7.0, -50.0), ("month", 3.5, 2.0, None)]
        assert read_comparison(connection, "other", DAY) == []


def test_minutes_are_summed_over_the_events_of_a_day(warehouse: Warehouse) -> None:
    """In their order; of one company and one day."""
    with warehouse.write(ACME) as connection:
        catalog.save_companies(connection, [known_company()], at=AT)
        catalog.save_events(connection, ACME, [known_event("e1"), known_event("e2")])
        rows = [("e1", hour(2), 3), ("e2", hour(1), 4), ("e1", hour(1), 5), ("e1", hour(25), 9)]
        bulk.insert(connection, event_concurrency, [(ACME, at.date(), event, at, many) for event, at, many in rows])
        assert read_minutes(connection, ACME, DAY) == [(hour(1), 9), (hour(2), 3)]
        assert read_minutes(connection, "other", DAY) == []


def test_pictures_fit_and_are_the_same_again() -> None:
    """A few kilobytes of Markdown each, of a whole day and of huge numbers too; without anybody there is none."""
    compared: list[Compared] = [
        ("last_7_days", 1234567.5, 10.0, 9e9),
        ("last_28_days", 9.0, 0.0, None),
        ("month", 1.0, 1.0, 0.0),
    ]
    minutes = [(hour(0) + timedelta(minutes=n), (n * 37) % 10_000) for n in range(1440) if n % 300 > 20]
    for picture, again in (
        (draw_comparison("acme.0 *$x$*", DAY, compared), draw_comparison("acme.0 *$x$*", DAY, compared)),
        (draw_minutes("acme.0 *$x$*", DAY, minutes), draw_minutes("acme.0 *$x$*", DAY, minutes)),
        (draw_minutes("W" * 200, DAY, minutes[:1]), draw_minutes("W" * 200, DAY, minutes[:1])),
    ):
        assert picture == again
        assert "data:image/png;base64," in picture
        assert len(picture) <= MAX_BYTES
    assert draw_minutes("acme.0", DAY, [(hour(9), 7)]).startswith(
        "![acme.0, 2026-03-01: 7 people at once at 09:00 UTC, over all stage events](data:"
    )
    assert minutes_in_line([(hour(9), 7), (hour(9) + timedelta(minutes=2), 8), (hour(12), 1)]) == (
        "8 people at once at 09:02 UTC █··▂ 09:00 to 12:59"
    )
    assert (
        comparison_in_line(compared[1:]) == "engaged minutes a day: last 28 days 9.0, before 0.0; month 1.0, before 1.0"
    )
    nothing = (draw_comparison("a", DAY, []), draw_comparison("a", DAY, [("month", 0.0, 0.0, None)]),
               draw_minutes("a", DAY, []), draw_minutes("a", DAY, [(hour(1), 0)]))  # fmt: skip
    assert nothing == ("", "", "", "")
