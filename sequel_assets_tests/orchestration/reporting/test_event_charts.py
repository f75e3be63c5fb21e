"""The small pictures of events: what they are drawn from, that they fit, and that the same numbers give the same bytes."""

from __future__ import annotations

from sequel_assets.insights.event_retention import event_retention
from sequel_assets.insights.funnel import funnel
from sequel_assets.orchestration.reporting.charts.daily import MAX_BYTES
from sequel_assets.orchestration.reporting.charts.events import (
    STEPS,
    curve_in_line,
    draw_curve,
    draw_steps,
    read_curve,
    read_steps,
    steps_in_line,
)
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.rows import ACME, DAY, hour


def test_the_curve_is_the_busiest_events(warehouse: Warehouse) -> None:
    """Of two events the one with more people at once; another day's minutes are not in it."""
    rows = [
        (ACME, DAY, "e1", hour(1), 0, 9, 100.0),
        (ACME, DAY, "e1", hour(2), 60, 3, 33.33),
        (ACME, DAY, "e2", hour(1), 0, 8, 100.0),
    ]
    with warehouse.write() as connection:
        bulk.insert(connection, event_retention, rows)
        assert read_curve(connection, ACME, DAY) == [(0, 100.0), (60, 33.33)]
        assert read_curve(connection, "other", DAY) == []


def test_the_steps_are_sums_over_events_of_which_all_is_told(warehouse: Warehouse) -> None:
    """An event of which a step is unknown would make a bar longer than the one before it."""
    rows = [
        (ACME, DAY, "e1", 9, 8, 5, 3, 1, 0, False),
        (ACME, DAY, "e2", 1, 1, 1, 1, 1, 0, False),
        (ACME, DAY, "e3", None, 7, 7, 7, 7, 0, False),
    ]
    with warehouse.write() as connection:
        bulk.insert(connection, funnel, rows)
        assert read_steps(connection, ACME, DAY) == dict(zip(STEPS, (10, 9, 6, 4, 2), strict=True))
        assert read_steps(connection, "other", DAY) == {}


def test_pictures_fit_and_are_the_same_again() -> None:
    """A few kilobytes of Markdown each; without numbers there is none."""
    curve = [(minute, 100.0 - (minute * 37) % 90) for minute in range(300)]
    steps = dict(zip(STEPS, (1000, 800, 500, 300, 1), strict=True))
    for picture, again in (
        (draw_curve("acme.0 *$x$*", DAY, curve), draw_curve("acme.0 *$x$*", DAY, curve)),
        (draw_steps("acme.0", DAY, steps), draw_steps("acme.0", DAY, steps)),
    ):
        assert picture == again
        assert picture.startswith("![acme")
        assert "data:image/png;base64," in picture
        assert len(picture) <= MAX_BYTES
    assert curve_in_line([(n, share) for n, share in enumerate((100.0, 50.0, 10.0))]) == (
        "3 minutes of the busiest event █▅▂ share of its peak"
    )
    assert len(curve_in_line(curve)) - len(curve_in_line(curve[:1])) == len("300") - len("1") + 23
    assert steps_in_line(dict(list(steps.items())[:2])) == "1,000 registered, 800 attended"
    assert (
        draw_curve("acme.0", DAY, []),
        draw_steps("acme.0", DAY, {}),
        draw_steps("a", DAY, dict.fromkeys(STEPS, 0)),
    ) == ("", "", "")
