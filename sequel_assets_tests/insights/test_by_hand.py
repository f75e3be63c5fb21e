"""Every insight equals a slow and obvious computation, whole rows, on random facts and on both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequel_assets.insights import DAILY_USAGE, INSIGHTS, LIFETIME_USAGE, PEAK_CONCURRENCY
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import companies, event_concurrency, event_participants, events, refreshes
from sequel_assets.warehouse.tables.dataset import Insight
from sequel_assets_tests.insights.test_average import by_hand
from sequel_assets_tests.support.rows import ACME, AT, DAY, HUB, LATE, STAGE, day, empty, hour, participant, settle_in
from sequel_assets_tests.support.suite.scale import scaled

KINDS = {"e1": STAGE, "e2": STAGE, "h1": HUB, "h2": HUB}
DAYS = [day(n) for n in range(5)]
FEW = settings(max_examples=scaled(20, 500), suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def facts(draw: st.DrawFn) -> list[Row]:
    """People in events on days, live, on demand, or both in the same minutes; sometimes for very long."""
    keys = st.tuples(st.integers(0, 4), st.sampled_from(sorted(KINDS)), st.sampled_from("abcd"))
    rows = []
    for number, event, person in draw(st.sets(keys, max_size=16)):
        minutes = st.one_of(st.integers(0, 5), st.just(10**9))
        live = draw(minutes)
        on_demand = draw(minutes) if KINDS[event] == STAGE else 0
        if live + on_demand:
            engaged = draw(st.integers(max(live, on_demand), live + on_demand))
            rows.append(participant(event, person, live, on_demand, engaged, on=day(number), kind=KINDS[event]))
    return rows


def land(warehouse: Warehouse, table: sa.Table, rows: Sequence[Row], days: Sequence[date]) -> None:
    """Make a company whose days hold these rows, beside another one with rows of its own on the first day."""
    empty(warehouse, event_participants, event_concurrency, refreshes, events, companies)
    others: dict[str, list[Row]] = {
        "event_participants": [participant("e1", "a", 77, company_id="other")],
        "event_concurrency": [("other", DAY, "e1", hour(1), 77)],
    }
    for company_id, theirs, known in (("other", others[table.name], [DAY]), (ACME, rows, days)):
        settle_in(warehouse, KINDS, company_id)
        with warehouse.write(company_id) as connection:
            updates = [
                SliceUpdate(table, on, [row for row in theirs if row[1] == on], None, hour(0), hour(0)) for on in known
            ]
            replace_slices(connection, company_id, updates, at=AT, late_window=LATE, run_id=None)


def answer(warehouse: Warehouse, insight: Insight, first: date, last: date, start: date = DAY) -> list[Row]:
    with warehouse.read() as connection:
        selected: Any = connection.execute(insight.select(ACME, first, last, start))
        assert list(selected.keys()) == insight.table.columns.keys()
        return sorted(tuple(row) for row in selected)


def numbers(rows: Sequence[Row]) -> tuple[int, int, int, int, int]:
    """Live, on-demand and engaged minutes, people, events."""
    live, on_demand, engaged = (sum(row[place] for row in rows) for place in (5, 6, 7))
    return live, on_demand, engaged, len({row[3] for row in rows}), len({row[2] for row in rows})


def daily_by_hand(rows: Sequence[Row], days: Sequence[date]) -> list[Row]:
    expected = []
    for on in days:
        here = [row for row in rows if row[1] == on]
        for kind in ("all", *sorted({row[4] for row in here})):
            live, on_demand, engaged, people, held = numbers([row for row in here if kind in ("all", row[4])])
            average = by_hand(engaged, people)
            expected.append((ACME, on, kind, live, on_demand, engaged, people, average, held, False))
    return sorted(expected)


def lifetime_by_hand(rows: Sequence[Row], days: Sequence[date], start: date) -> list[Row]:
    expected = []
    for on in days:
        until = [row for row in rows if start <= row[1] <= on]
        for kind in ("all", STAGE, HUB):
            here = [row for row in until if kind in ("all", row[4])]
            if here:
                live, on_demand, engaged, people, held = numbers(here)
                first = min(row[1] for row in here)
                expected.append((ACME, on, kind, live, on_demand, engaged, people, held, first, start, False))
    return sorted(expected)


def peaks_by_hand(users: Mapping[tuple[str, datetime], int], days: Sequence[date]) -> list[Row]:
    expected = []
    for on in days:
        together: dict[tuple[str, datetime], int] = {}
        for (event, minute), count in users.items():
            if minute.date() == on:
                for scope in (event, "all"):
                    together[scope, minute] = together.get((scope, minute), 0) + count
        for scope in sorted({scope for scope, _ in together}):
            peak, at = min((-count, minute) for (of, minute), count in together.items() if of == scope)
            expected.append((ACME, on, scope, -peak, at))
    return sorted(expected)


@FEW
@given(facts(), st.integers(0, 4), st.integers(0, 4))
def test_daily_usage_equals_the_obvious_computation(warehouse: Warehouse, rows: list[Row], one: int, two: int) -> None:
    """For whatever range of days is asked; a refreshed day without anybody has its row of zeros."""
    land(warehouse, event_participants, rows, DAYS)
    first, last = sorted((one, two))
    expected = daily_by_hand(rows, DAYS[first : last + 1])
    assert answer(warehouse, DAILY_USAGE, day(first), day(last)) == expected


@FEW
@given(facts(), st.integers(0, 4), st.integers(0, 4), st.integers(0, 2))
def test_lifetime_usage_equals_the_obvious_computation(
    warehouse: Warehouse, rows: list[Row], one: int, two: int, start: int
) -> None:
    """Cumulative people and events are exact, carried over idle days; what is before the start does not count."""
    land(warehouse, event_participants, rows, DAYS)
    first, last = sorted((one, two))
    days = [on for on in DAYS[first : last + 1] if on >= day(start)]
    expected = lifetime_by_hand(rows, days, day(start))
    assert answer(warehouse, LIFETIME_USAGE, day(first), day(last), day(start)) == expected


minutes_of_day = st.sampled_from([hour(0), hour(23), hour(24), hour(47) + timedelta(minutes=59), hour(48)])


@FEW
@given(st.dictionaries(st.tuples(st.sampled_from(["e1", "e2"]), minutes_of_day), st.integers(0, 4)))
def test_peak_concurrency_equals_the_obvious_computation(
    warehouse: Warehouse, users: dict[tuple[str, datetime], int]
) -> None:
    """Per event and over all events of the company; of several equal minutes the earliest."""
    rows: list[Row] = [(ACME, minute.date(), event, minute, count) for (event, minute), count in users.items()]
    land(warehouse, event_concurrency, rows, DAYS)
    assert answer(warehouse, PEAK_CONCURRENCY, day(0), day(2)) == peaks_by_hand(users, DAYS[:3])


def test_a_day_that_was_never_refreshed_has_no_row_of_zeros(warehouse: Warehouse) -> None:
    """Unknown is not zero."""
    land(warehouse, event_participants, [], [day(0), day(2)])
    assert [row[1] for row in answer(warehouse, DAILY_USAGE, day(0), day(4))] == [day(0), day(2)]


def test_a_company_without_anything_has_no_lifetime_and_no_peak(warehouse: Warehouse) -> None:
    """Lifetime begins with the first engaged day."""
    land(warehouse, event_participants, [], DAYS)
    assert answer(warehouse, LIFETIME_USAGE, day(0), day(4)) == []
    assert answer(warehouse, PEAK_CONCURRENCY, day(0), day(4)) == []


def test_the_day_of_an_example_by_hand(warehouse: Warehouse) -> None:
    """Ada in a stage (with a minute both live and on demand) and in the hub, Bo in the hub, on one day."""
    rows = [
        participant("e1", "ada", 10, 5, 14),
        participant("h1", "ada", 3, kind=HUB),
        participant("h1", "bo", 4, kind=HUB),
    ]
    land(warehouse, event_participants, rows, DAYS[:2])
    assert answer(warehouse, DAILY_USAGE, day(0), day(0)) == [
        (ACME, DAY, "all", 17, 5, 21, 2, 10.5, 2, False),
        (ACME, DAY, HUB, 7, 0, 7, 2, 3.5, 1, False),
        (ACME, DAY, STAGE, 10, 5, 14, 1, 14.0, 1, False),
    ]
    assert answer(warehouse, LIFETIME_USAGE, day(1), day(1)) == [
        (ACME, day(1), "all", 17, 5, 21, 2, 2, DAY, DAY, False),
        (ACME, day(1), HUB, 7, 0, 7, 2, 1, DAY, DAY, False),
        (ACME, day(1), STAGE, 10, 5, 14, 1, 1, DAY, DAY, False),
    ]


def test_the_earliest_minute_of_the_peak_wins_also_over_several_events(warehouse: Warehouse) -> None:
    """Together they peak in a minute in which neither does alone."""
    users = {("e1", hour(1)): 5, ("e1", hour(2)): 4, ("e2", hour(2)): 4, ("e2", hour(3)): 5, ("e1", hour(4)): 5,
             ("e2", hour(4)): 3, ("e1", hour(5)): 5}  # fmt: skip
    rows = [(ACME, DAY, event, minute, count) for (event, minute), count in users.items()]
    land(warehouse, event_concurrency, rows, DAYS[:1])
    assert answer(warehouse, PEAK_CONCURRENCY, DAY, DAY) == [
        (ACME, DAY, "all", 8, hour(2)),
        (ACME, DAY, "e1", 5, hour(1)),
        (ACME, DAY, "e2", 5, hour(3)),
    ]


def test_numbers_are_numbers_and_not_an_engines_own_kind(warehouse: Warehouse) -> None:
    """Whole numbers come as int on both engines, never as Decimal."""
    land(warehouse, event_participants, [participant("e1", "ada", 10, 5)], DAYS[:1])
    whole = [
        type(value)
        for insight in (DAILY_USAGE, LIFETIME_USAGE)
        for value in answer(warehouse, insight, DAY, DAY)[0][3:7]
    ]
    assert whole == [int] * 8


def test_every_insight_says_what_it_is_and_its_example_works(warehouse: Warehouse) -> None:
    """Its page in Dagster and in the documentation is made from this."""
    with warehouse.read() as connection:
        for insight in INSIGHTS:
            assert all((insight.answers, insight.grain, insight.source, insight.refreshed))
            assert connection.execute(sa.text(insight.example)).all() == []
