"""Roll-ups are derived by whichever run completes a tree, never over one that is not there, and never twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sequel_assets.insights.company_rollup import company_rollup
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.transform.rollup_plan import Hierarchies, behind_rollups, wanted_rollups
from sequel_assets.sandbox import Attendance, Company, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    DAYS,
    LAST,
    START,
    PlatformUnderTest,
    at,
    day,
    event,
    platform,
    world_of,
)
from sequel_assets_tests.support.reference import companies as oracle
from sequel_assets_tests.support.reference import expected_tables
from sequel_assets_tests.support.rows import table_of

COMPANIES = [Company("root", "Root"), Company("kid", "Kid", "root"), Company("toddler", "Toddler", "kid")]
PAST = [on for on in DAYS if on != LAST]


def three_generations() -> World:
    """A root, a kid and a toddler; Ada is everywhere, and every day has minutes of all three."""
    each = [Attendance(ADA, live=[(at(n), 5 + n) for n in range(1, 9)])]
    more = [*each, Attendance(BO, live=[(at(n, 9, 2), 9) for n in range(1, 9)], on_demand=[(at(3, 15), 7)])]
    events = [event("e", "toddler", at(1), each), event("f", "kid", at(2), more), event("g", "root", at(4), each)]
    return world_of(*events, companies=COMPANIES)


def expected_rollups(it: PlatformUnderTest, companies: Sequence[str], days: Sequence[date]) -> list[tuple[Any, ...]]:
    """What the oracle says from the sandbox's minutes."""
    truth = expected_tables(it.world, DAYS, start=START, now=it.clock())
    parents = {c.id: [(START, c.parent_id)] for c in it.world.companies}
    hour = it.clock().replace(minute=0)
    through = {(company, on): hour for company in parents for on in DAYS}
    return sorted(
        row
        for company in companies
        for on in days
        for row in oracle.rollup(parents, truth["event_participants"], truth["event_concurrency"], through, company, on)
    )


def assert_right(it: PlatformUnderTest, companies: Sequence[str], days: Sequence[date] = PAST) -> None:
    """Fail unless the roll-ups are those of these companies and days, and none of what there could be is missing."""
    assert table_of(it.warehouse, company_rollup) == expected_rollups(it, companies, days)
    with it.warehouse.read() as connection:
        assert behind_rollups(connection) == []


@pytest.mark.parametrize("order", [["root", "kid", "toddler"], ["toddler", "root", "kid"]])
def test_whichever_run_completes_the_tree_derives_it(warehouse: Warehouse, order: list[str]) -> None:
    """Company by company, as a backfill goes; what waits says for whom, and the problem goes by itself."""
    with platform(three_generations(), warehouse) as it:
        there: list[str] = []
        beneath = {"root": {"root", "kid", "toddler"}, "kid": {"kid", "toddler"}, "toddler": {"toddler"}}
        for company in order:
            it.refresh(PAST, [company])
            there.append(company)
            whole = [name for name, tree in beneath.items() if tree <= set(there)]
            assert_right(it, whole)
            noted = {p[0]: p[4] for p in it.problems() if p[1] == company_rollup.name}
            assert noted.keys() == {name for name in there if beneath[name] - set(there)}
            for reason in noted.values():
                assert (
                    "has no event_participants and event_concurrency of 2026-03-01 yet (and 6 more days wait)" in reason
                )
        assert it.problems() == []


def test_an_hour_derives_none_and_a_changed_company_only_what_hangs_on_it(warehouse: Warehouse) -> None:
    """Today is open and hot; afterwards one day of the toddler changes, and its three roll-ups follow."""
    with platform(three_generations(), warehouse) as it:
        first = it.refresh(PAST)
        assert {
            (o.company_id, o.day) for o in first if o.dataset == company_rollup.name and o.verdict is SliceStatus.DONE
        } == {(company.id, on) for company in COMPANIES for on in PAST}
        hour = it.refresher().refresh({company.id: {LAST: DayCoverage.ACTIVE} for company in COMPANIES})
        assert [o for o in hour if o.dataset == company_rollup.name] == []
        assert {row[1] for row in table_of(warehouse, company_rollup)} == set(PAST)
        again = it.refresh([day(2)], ["toddler"])
        assert {(o.company_id, o.verdict) for o in again if o.dataset == company_rollup.name} == {
            ("toddler", SliceStatus.UNCHANGED)
        }
        with warehouse.write() as connection:  # as a refresh by another process would, killed before its insights
            r = refreshes.c
            mine = (r.company_id == "toddler", r.dataset == "event_participants", r.day == day(2))
            later = it.clock() + timedelta(hours=1)
            connection.execute(refreshes.update().where(*mine).values(checksum="other", refreshed_at=later))
        with warehouse.read() as connection:
            assert behind_rollups(connection) == [(name, day(2)) for name in ("kid", "root", "toddler")]
        healed = it.refresh([day(5)], ["root"])
        assert {(o.company_id, o.day) for o in healed if o.dataset == company_rollup.name} == {
            ("root", day(5)), ("kid", day(2)), ("root", day(2)), ("toddler", day(2))
        }  # fmt: skip
        assert_right(it, ["root", "kid", "toddler"])


def test_an_open_day_that_is_asked_for_has_its_rollup(warehouse: Warehouse) -> None:
    """A backfill to today shows today."""
    with platform(three_generations(), warehouse) as it:
        it.refresh(DAYS)
        assert_right(it, ["root", "kid", "toddler"], DAYS)


def test_a_run_killed_before_its_rollups_is_made_good_by_one_that_asks_nothing(warehouse: Warehouse) -> None:
    """The open day's too: all beneath were asked about it in full, so somebody asked for it."""
    with platform(three_generations(), warehouse) as it:
        it.refresh(DAYS)
        with warehouse.write() as connection:
            connection.execute(company_rollup.delete())
            connection.execute(refreshes.delete().where(refreshes.c.dataset == company_rollup.name))
        with warehouse.read() as connection:
            assert behind_rollups(connection) == [(name, on) for name in ("kid", "root", "toddler") for on in DAYS]
        assert {o.dataset for o in it.refresher().refresh({"kid": {}}, asks_sequel=False)} == {company_rollup.name}
        assert_right(it, ["root", "kid", "toddler"], DAYS)


def slice_of(company: str, dataset: str, on: date, through: datetime) -> Any:
    return SimpleNamespace(
        company_id=company,
        dataset=dataset,
        day=on,
        checksum=f"{company}{on}",
        data_through=through,
        full_through=through,
        is_final=False,
    )


def test_a_company_that_is_gone_is_not_waited_for() -> None:
    """From the day on which it went; of days before its facts are owed."""
    parents = {"root": [(START, None)], "kid": [(START, "root")]}
    slices = {
        (company, dataset, on): slice_of(company, dataset, on, day_end(on))
        for company, on in (("root", day(1)), ("kid", day(1)), ("root", day(2)), ("root", day(3)))
        for dataset in ("event_participants", "event_concurrency")
    }
    wanted, waiting = wanted_rollups(Hierarchies(parents, {"root": None, "kid": day(3)}), slices, DAYS[:3])
    assert wanted.keys() == {("root", day(1)), ("kid", day(1)), ("root", day(3))}
    assert waiting == {("root", day(2)): "kid", ("kid", day(2)): "kid"}
    assert all(want.is_closed for want in wanted.values())


def test_a_tree_that_could_not_be_read_has_no_rollup() -> None:
    """Neither the company whose sub-companies were never told, nor any above it; those beside and beneath have theirs."""
    parents = {
        "root": [(START, None)],
        "kid": [(START, "root")],
        "toddler": [(START, "kid")],
        "other": [(START, "root")],
    }
    slices = {
        (company, dataset, day(1)): slice_of(company, dataset, day(1), day_end(day(1)))
        for company in parents
        for dataset in ("event_participants", "event_concurrency")
    }
    trees = Hierarchies(parents, dict.fromkeys(parents), frozenset({"kid"}))
    wanted, waiting = wanted_rollups(trees, slices, [day(1)])
    assert wanted.keys() == {("toddler", day(1)), ("other", day(1))}
    assert waiting == {("root", day(1)): "kid", ("kid", day(1)): "kid"}


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    ("engine_kind", "mute", "fault"),
    [
        ("sqlite", "root", "http_403"),
        ("postgresql", "kid", "http_403"),
        ("sqlite", "kid", "http_500"),
        ("sqlite", "kid", "http_404"),
        ("sqlite", "toddler", "http_403"),
    ],
)
def test_a_first_contact_without_the_whole_hierarchy_writes_no_rollup_over_it(
    warehouse: Warehouse, mute: str, fault: str
) -> None:
    """Whatever is known of it at last is known from then on, though it is refused again."""
    with platform(three_generations(), warehouse, start=LAST, quick=True) as it:
        it.sandbox.faults.always(f"/api/v1/company/{mute}/list", fault)
        seen = it.walk()
        assert seen == [company.id for company in COMPANIES][: ["root", "kid", "toddler"].index(mute) + 1]
        outcomes = list(it.refresher().refresh({company: [day(7)] for company in seen}))
        assert {o.verdict for o in outcomes if o.dataset == "company_rollup"} == {SliceStatus.WAITING}
        assert table_of(warehouse, company_rollup) == []
        reasons = {(p[0], p[1]): p[4] for p in it.problems()}
        assert reasons[mute, "companies"].endswith(
            "; its sub-companies are not known, so no roll-up is written over it"
        )
        assert reasons.keys() == {(mute, "companies"), *((c, "company_rollup") for c in seen if c != mute)}
        it.sandbox.faults.clear()
        it.refresh([day(7)])
        assert_right(it, ["root", "kid", "toddler"], [day(7)])
        assert it.problems() == []
        it.sandbox.faults.always(f"/api/v1/company/{mute}/list", "http_403")
        it.refresh([day(6)])
        assert {row[1] for row in table_of(warehouse, company_rollup)} == {day(6), day(7)}
        assert [p[:2] for p in it.problems()] == [(mute, "companies")]


def test_one_403_of_a_list_is_asked_again(warehouse: Warehouse) -> None:
    """The root's, at first contact."""
    with platform(three_generations(), warehouse, quick=True) as it:
        it.sandbox.faults.script("/api/v1/company/root/list", "http_403")
        assert it.walk() == ["root", "kid", "toddler"]
        assert (it.sandbox.faults.pending, it.problems()) == (0, [])
