"""Comparisons, top lists and roll-ups equal the oracle, whole rows, on random facts and on both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequel_assets.insights.company_rollup import COMPANY_ROLLUP
from sequel_assets.insights.top_participants import TOP_PARTICIPANTS
from sequel_assets.insights.usage_comparison import USAGE_COMPARISON
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate, day_end
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.company_lists import company_parents
from sequel_assets.warehouse.tables.core import companies, event_concurrency, event_participants, events, refreshes
from sequel_assets.warehouse.tables.dataset import Insight
from sequel_assets_tests.support.reference import companies as oracle
from sequel_assets_tests.support.rows import AT, HUB, LATE, STAGE, empty, known_company, known_event, participant
from sequel_assets_tests.support.suite.scale import scaled

KINDS = {"e1": STAGE, "e2": STAGE, "h1": HUB}
LONG_AGO = date(2025, 2, 20)
TODAY = date(2026, 3, 1)
DAYS = oracle.days_of(LONG_AGO, TODAY)
FEW = settings(max_examples=scaled(20, 500, "WORLDS") // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])


def land(
    warehouse: Warehouse,
    facts: Sequence[Row],
    concurrency: Sequence[Row] = (),
    *,
    of: Sequence[str] = ("acme",),
    days: Sequence[date] = DAYS,
    not_closed: Sequence[date] = (),
) -> None:
    """Make companies whose days hold these rows, and have all closed but some."""
    empty(warehouse, event_participants, event_concurrency, company_parents, refreshes, events, companies)
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company(company_id) for company_id in of], at=AT)
        connection.execute(company_parents.delete())
    for company_id in of:
        with warehouse.write(company_id) as connection:
            theirs = [known_event(event, event_type=kind) for event, kind in KINDS.items()]
            catalog.save_events(connection, company_id, theirs)
            for table, rows in ((event_participants, facts), (event_concurrency, concurrency)):
                by_day: dict[date, list[Row]] = {}
                for row in rows:
                    if row[0] == company_id:
                        by_day.setdefault(row[1], []).append(row)
                updates = [
                    SliceUpdate(table, day, by_day.get(day, []), None, through, through, through)
                    for day in days
                    for through in [day_end(day) - timedelta(hours=day in not_closed)]
                ]
                replace_slices(connection, company_id, updates, at=AT, late_window=LATE, run_id=None)


def answer(warehouse: Warehouse, insight: Insight, first: date, last: date, start: date, of: str = "acme") -> list[Row]:
    """What the SELECT says, sorted."""
    with warehouse.read() as connection:
        selected: Any = connection.execute(insight.select(of, first, last, start))
        assert list(selected.keys()) == insight.table.columns.keys()
        return sorted((tuple(row) for row in selected), key=repr)


@st.composite
def facts(draw: st.DrawFn, days: Sequence[date] = DAYS, of: Sequence[str] = ("acme",)) -> list[Row]:
    """People in events on days of a year, most of them near its end, its beginning, or a year apart."""
    near = st.sampled_from([*days[-12:], *days[:12], *days[-40:]])
    keys = st.tuples(
        st.sampled_from(of), near | st.sampled_from(days), st.sampled_from(sorted(KINDS)), st.sampled_from("abcd")
    )
    rows = []
    for company_id, on, event, person in sorted(draw(st.sets(keys, min_size=1, max_size=24))):
        live, on_demand = draw(st.integers(0, 5)), draw(st.integers(0, 3)) if KINDS[event] == STAGE else 0
        if live + on_demand:
            rows.append(
                participant(
                    event,
                    person,
                    live,
                    on_demand,
                    max(live, on_demand),
                    on=on,
                    kind=KINDS[event],
                    company_id=company_id,
                )
            )
    return rows


@FEW
@given(facts(), st.sampled_from(DAYS[:3] + DAYS[-40:]), st.sampled_from(DAYS[-20:]), st.integers(0, 4))
def test_comparisons_are_what_sets_of_people_say(
    warehouse: Warehouse, rows: list[Row], start: date, not_closed: date, back: int
) -> None:
    """All 16 of each day, with a history that begins late, a day that has not closed, and an empty past."""
    land(warehouse, rows, not_closed=[not_closed])
    first, closed = max(start, DAYS[-1 - back]), {*DAYS} - {not_closed}
    expected = [r for day in oracle.days_of(first, TODAY) for r in oracle.comparison("acme", rows, day, start, closed)]
    assert answer(warehouse, USAGE_COMPARISON, first, TODAY, start) == sorted(expected, key=repr)


@FEW
@given(facts(), st.sampled_from(DAYS[:3] + DAYS[-40:]), st.integers(0, 4))
def test_top_lists_name_the_same_people_in_the_same_order(
    warehouse: Warehouse, rows: list[Row], start: date, back: int
) -> None:
    """Ties go by the person's id; minutes, events and days are those of the list's range; a month's end is among the days."""
    land(warehouse, rows)
    first = max(start, DAYS[-1 - back])
    expected = [row for day in oracle.days_of(first, TODAY) for row in oracle.top("acme", rows, day, start)]
    assert answer(warehouse, TOP_PARTICIPANTS, first, TODAY, start) == sorted(expected, key=repr)


def test_nothing_before_is_no_percentage_and_a_past_without_history_no_zero(warehouse: Warehouse) -> None:
    """30 minutes today, an empty week before within the history, nothing known of the year before."""
    land(warehouse, [participant("e1", "a", 30, on=TODAY)], days=DAYS[-20:])
    rows = {(r[2], r[3]): r for r in answer(warehouse, USAGE_COMPARISON, TODAY, TODAY, DAYS[-20])}
    columns = USAGE_COMPARISON.table.columns.keys()
    week, year = (dict(zip(columns, rows["last_7_days", how], strict=True)) for how in ("previous", "year_before"))
    assert (week["engaged_minutes"], week["is_complete"], week["engaged_minutes_per_day"]) == (30, True, 4.29)
    assert (week["before_engaged_minutes"], week["before_is_complete"]) == (0, True)
    assert [week[name] for name in ("engaged_minutes_change", "events_change", "unique_users_change")] == [None] * 3
    assert (year["before_engaged_minutes"], year["before_is_complete"]) == (None, False)
    assert year["engaged_minutes_change"] is None


TREES = st.fixed_dictionaries({
    name: st.lists(st.tuples(st.sampled_from(DAYS[-4:]), st.sampled_from(["root", "a", "b", "c", "d"])),
                   min_size=1, max_size=3, unique_by=lambda stood: stood[0])
    for name in "abcd"
})  # fmt: skip


def minutes(rows: Sequence[Row]) -> list[Row]:
    """Concurrency by the way: three minutes in each stage event that somebody was in, as many as the live minutes."""
    users: dict[tuple[Any, ...], int] = {}
    for company_id, on, event, _, kind, live, _, _ in rows:
        for minute in range(3):
            at = datetime(on.year, on.month, on.day, 9, minute, tzinfo=UTC)
            if kind == STAGE:
                users[company_id, on, event, at] = users.get((company_id, on, event, at), 0) + live * (minute != 1)
    return [(*key, many) for key, many in users.items()]


@FEW
@given(facts(DAYS[-5:], ("root", "a", "b", "c", "d")), TREES)
def test_a_rollup_counts_everybody_once_wherever_companies_moved(
    warehouse: Warehouse, rows: list[Row], moves: Mapping[str, list[tuple[date, str]]]
) -> None:
    """Any depth, moves from any day, loops that an account should not have; people who visit several companies."""
    of, days = ["root", *"abcd"], DAYS[-5:]
    parents: dict[str, list[tuple[date, str | None]]] = {name: sorted(stood) for name, stood in moves.items()}  # type: ignore[misc]
    parents["root"] = [(days[0], None)]
    land(warehouse, rows, minutes(rows), of=of, days=days)
    with warehouse.write() as connection:
        places = [(name, on, parent) for name, stood in parents.items() for on, parent in stood]
        bulk.insert(connection, company_parents, places)
    through = {(name, on): day_end(on) for name in of for on in days}
    for company_id in of:
        expected = [r for on in days for r in oracle.rollup(parents, rows, minutes(rows), through, company_id, on)]
        found = answer(warehouse, COMPANY_ROLLUP, days[0], days[-1], days[0], company_id)
        assert found == sorted(expected, key=repr)
