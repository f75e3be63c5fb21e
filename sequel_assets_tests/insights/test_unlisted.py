"""Minutes beyond the people whom Sequel lists: every sum has them, and every number of people says that it is a lower bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.insights import (
    AUDIENCE_USAGE,
    COMPANY_ROLLUP,
    DAILY_USAGE,
    EVENT_STATISTICS,
    LIFETIME_USAGE,
    NETWORKING,
    TOP_PARTICIPANTS,
    USAGE_COMPARISON,
    ranges,
)
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants, events
from sequel_assets.warehouse.tables.dataset import Insight
from sequel_assets_tests.support.rows import ACME, AT, DAY, HUB, LATE, STAGE, day, hour, participant, settle_in

KINDS = {"e1": STAGE, "h1": HUB}
LISTED = {
    DAY: [participant("e1", "a", 40), participant("e1", "b", 30), participant("h1", "a", 9, kind=HUB)],
    day(1): [participant("e1", "a", 0, 5, on=day(1))],
}
BEYOND = {
    DAY: [(ACME, DAY, "e1", STAGE, 50, 0, 50, 5, 0, 5), (ACME, DAY, "h1", HUB, 11, 0, 11, 2, 0, 2)],
    day(1): [],
}
HAS, KNOWN = True, False


@pytest.fixture
def landed(warehouse: Warehouse) -> Warehouse:
    """A company with an event and a hub on one day, both with people beyond the list, and a replay on the next."""
    settle_in(warehouse, KINDS)
    through, starts = hour(24 * 9), datetime(2026, 3, 1, 9, tzinfo=UTC)
    with warehouse.write(ACME) as connection:
        plan = {"starts_at": starts, "ends_at": starts + timedelta(hours=1)}
        connection.execute(events.update().where(events.c.event_id == "e1").values(**plan))
        for table in (event_participants, event_concurrency):
            rows = LISTED if table is event_participants else {}
            beyond = BEYOND if table is event_participants else {}
            updates = [
                SliceUpdate(table, on, rows.get(on, []), None, through, through, through, unlisted=beyond.get(on, []))
                for on in (DAY, day(1))
            ]
            replace_slices(connection, ACME, updates, at=AT, late_window=LATE, run_id=None)
    return warehouse


def answer(warehouse: Warehouse, insight: Insight, *names: str) -> list[tuple[Any, ...]]:
    """Return columns of what an insight says of both days."""
    select: Any = insight.select(ACME, DAY, day(1), DAY).subquery()
    with warehouse.read() as connection:
        found = connection.execute(sa.select(*(select.c[name] for name in names)))
        return sorted((tuple(row) for row in found), key=repr)


MINUTES = ("live_minutes", "on_demand_minutes", "engaged_minutes")
PEOPLE = ("unique_users", "average_engaged_minutes", "has_unlisted_people")


def expected(*rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return rows in the order of `answer`."""
    return sorted(map(tuple, rows), key=repr)


def test_daily_usage_counts_them_and_has_no_average_of_people_it_does_not_know(landed: Warehouse) -> None:
    assert answer(landed, DAILY_USAGE, "day", "event_type", *MINUTES, *PEOPLE, "events") == expected(
        (DAY, "all", 140, 0, 140, 2, None, HAS, 2),
        (DAY, STAGE, 120, 0, 120, 2, None, HAS, 1),
        (DAY, HUB, 20, 0, 20, 1, None, HAS, 1),
        (day(1), "all", 0, 5, 5, 1, 5.0, KNOWN, 1),
        (day(1), STAGE, 0, 5, 5, 1, 5.0, KNOWN, 1),
    )


def test_numbers_as_of_a_day_stay_lower_bounds_on_later_days(landed: Warehouse) -> None:
    assert answer(landed, LIFETIME_USAGE, "day", "event_type", *MINUTES, "unique_users", PEOPLE[-1]) == expected(
        (DAY, "all", 140, 0, 140, 2, HAS),
        (DAY, STAGE, 120, 0, 120, 2, HAS),
        (DAY, HUB, 20, 0, 20, 1, HAS),
        (day(1), "all", 140, 5, 145, 2, HAS),
        (day(1), STAGE, 120, 5, 125, 2, HAS),
        (day(1), HUB, 20, 0, 20, 1, HAS),
    )
    assert answer(landed, EVENT_STATISTICS, "day", *MINUTES, *PEOPLE, "attended_live") == expected(
        (DAY, 120, 0, 120, 2, None, HAS, 2), (day(1), 120, 5, 125, 2, None, HAS, 2)
    )


def test_an_event_of_which_nobody_is_known_on_any_day_is_counted_from_its_first_day_on(warehouse: Warehouse) -> None:
    """Its list ends at the cap with people of another spelling, so all of its minutes are beyond the lists."""
    settle_in(warehouse, KINDS)
    through = hour(24 * 9)
    beyond = {day(1): [(ACME, day(1), "h1", HUB, 11, 0, 11, 2, 0, 2)]}
    listed = {DAY: LISTED[DAY][:1]}
    with warehouse.write(ACME) as connection:
        updates = [
            SliceUpdate(
                event_participants, on, listed.get(on, []), None, through, through, through, unlisted=beyond.get(on, [])
            )
            for on in (DAY, day(1))
        ]
        replace_slices(connection, ACME, updates, at=AT, late_window=LATE, run_id=None)
    columns = ("day", "event_type", "engaged_minutes", "unique_users", "events", "first_day", PEOPLE[-1])
    assert answer(warehouse, LIFETIME_USAGE, *columns) == expected(
        (DAY, "all", 40, 1, 1, DAY, KNOWN),
        (DAY, STAGE, 40, 1, 1, DAY, KNOWN),
        (day(1), "all", 51, 1, 2, DAY, HAS),
        (day(1), STAGE, 40, 1, 1, DAY, KNOWN),
        (day(1), HUB, 11, 0, 1, day(1), HAS),
    )


def test_rollups_hubs_and_any_range_count_them_too(landed: Warehouse) -> None:
    assert answer(landed, COMPANY_ROLLUP, "day", "event_type", "engaged_minutes", *PEOPLE) == expected(
        (DAY, "all", 140, 2, None, HAS),
        (DAY, STAGE, 120, 2, None, HAS),
        (DAY, HUB, 20, 1, None, HAS),
        (day(1), "all", 5, 1, 5.0, KNOWN),
        (day(1), STAGE, 5, 1, 5.0, KNOWN),
    )
    assert answer(landed, NETWORKING, "day", "people", "minutes", "average_minutes", PEOPLE[-1]) == [
        (DAY, 1, 20, None, HAS)
    ]
    with landed.read() as connection:
        in_range = connection.execute(ranges.select_usage(Scope(ACME, Days(DAY, day(1))))).all()
        live_hub = Scope(ACME, Days(DAY, day(1)), event_type=HUB, engagement_type="live")
        of_hub = connection.execute(ranges.select_usage(live_hub)).all()
        people = connection.execute(ranges.select_people(Scope(ACME, Days(DAY, day(1))))).all()
    assert sorted(map(tuple, in_range)) == [
        ("all", 140, 5, 145, 2, None, 2, HAS),
        (HUB, 20, 0, 20, 1, None, 1, HAS),
        (STAGE, 120, 5, 125, 2, None, 1, HAS),
    ]
    assert [tuple(row) for row in of_hub] == [(HUB, 20, 0, 20, 1, None, 1, HAS)]
    assert [row[1:5] for row in people] == [("a", 49, 5, 54), ("b", 30, 0, 30)]


def test_a_comparison_has_no_change_of_people_it_does_not_know(landed: Warehouse) -> None:
    """Minutes are compared all the same."""
    names = ("day", "engaged_minutes", *PEOPLE, "before_engaged_minutes", "before_has_unlisted_people")
    changes = ("period", "compared_with", "engaged_minutes_change", "unique_users_change")
    rows = [row for row in answer(landed, USAGE_COMPARISON, *names, *changes) if row[-4:-2] == ("day", "previous")]
    assert [(*row[:7], *row[-2:]) for row in rows] == expected(
        (DAY, 140, 2, None, HAS, None, None, None, None), (day(1), 5, 1, 5.0, KNOWN, 140, HAS, -96.43, None)
    )


def test_an_audience_is_unknown_and_nobody_is_ranked(landed: Warehouse) -> None:
    """Anybody beyond the list may be a host, and no person stands for them."""
    assert answer(landed, AUDIENCE_USAGE, "day", "engaged_minutes", "events_with_unknown_hosts") == expected(
        (DAY, None, 1), (day(1), None, 1)
    )
    ranked = {row[0] for row in answer(landed, TOP_PARTICIPANTS, "person_id")}
    assert ranked == {"a", "b"}
