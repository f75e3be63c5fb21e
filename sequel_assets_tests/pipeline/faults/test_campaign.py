"""Faults at random places of small backfills: every slice is the truth or failed by name; none is partial.

`make faults` has 1,000 of them and every kind; the suite has a few dozen.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest

from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import FAULTS, HUB, QUIRKS, Fault, Faults, WorldSpec, build_world
from sequel_assets.sequel import SequelError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets_tests.support.harness import PlatformUnderTest, failures, platform
from sequel_assets_tests.support.reference import COLUMNS, Tables, expected_tables, read_tables
from sequel_assets_tests.support.reference.details import SLICED as EXTRAS
from sequel_assets_tests.support.suite.scale import scaled

MANY = scaled(12, 1000, "FAULTS")
KINDS = sorted(FAULTS | QUIRKS)
LANDED = ("event_participants", "event_concurrency")
SPEC = WorldSpec(companies=2, days=3, people=3, events_per_day=0.7, hub_every=3)
DAYS = days_between(SPEC.first_day, SPEC.last_day)
SLICED = (*LANDED, "daily_usage", "lifetime_usage", "peak_concurrency")


def a_fault(kind: str) -> Fault:
    """Return a fault that does not hold a test up."""
    return Fault(kind, seconds=0.02, rows=1, megabytes=5)


def faults_of(rng: random.Random, number: int, it: PlatformUnderTest) -> Faults:
    """Return what goes wrong in a trial: kinds in turn, by rate, sometimes for ever at one event's one day."""
    kinds = [KINDS[number % len(KINDS)], *rng.sample(KINDS, rng.randrange(2))]
    rates = {a_fault(kind): rng.choice((0.02, 0.05, 0.15, 0.4)) for kind in kinds}
    only = rng.choice(
        (
            "*",
            "*",
            "*top-participants*",
            "*engagementType=all*",
            "*company/*",
            "*getVideo*",
            "*user-activity*",
            "*/polls",
        )
    )
    made = Faults(rates, only=only, seed=number, max_in_a_row=rng.choice((1, 2, 3, 9)))
    if rng.random() < 0.5 and it.world.events:
        event_id = rng.choice(it.world.events).id
        span = rng.choice(("", f"*startDate={rng.choice(DAYS)}*"))
        made.script(f"*/{event_id}/top-participants{span}*", a_fault(rng.choice(KINDS)), rng.choice((1, 2, 4, 50)))
    return made


def slices(tables: Tables, name: str) -> dict[tuple[str, date], list[tuple[object, ...]]]:
    """Return a table's rows by company and day."""
    found: dict[tuple[str, date], list[tuple[object, ...]]] = {}
    for row in tables[name]:
        found.setdefault((row[0], row[1]), []).append(row)
    return found


def check(
    it: PlatformUnderTest, before: Tables, outcomes: list[Outcome], days: list[date], kinds: set[str], number: int
) -> None:
    """Every slice is the truth, or failed, said why, and is as it was before."""
    vanished = set(it.world._vanished)
    for event_id in vanished:
        it.world.reappear(event_id)
    truth = expected_tables(it.world, days, start=it.start, now=it.clock())
    for event_id in vanished:
        it.world.vanish(event_id)
    gone = vanished | {event.hub_id for event_id, event in it.world._events.items() if event_id in vanished}
    found = read_tables(it.warehouse, vanished=True)
    stands = {(company, dataset, day) for company, dataset, day, *_ in it.problems()}
    told = {(outcome.company_id, outcome.dataset, outcome.day): outcome for outcome in outcomes}
    companies = {company.id for company in it.world.companies}
    assert {key for key in told if key[2] in days} >= {(c, d, day) for c in companies for d in SLICED for day in days}
    for (company, name, day), outcome in told.items():
        if name not in COLUMNS:
            continue
        here = sorted(slices(found, name).get((company, day), []), key=repr)
        right = sorted(slices(truth, name).get((company, day), []), key=repr)
        where = f"trial {number} ({sorted(kinds)}), {company} {name} {day}: {outcome}"
        if outcome.verdict is SliceStatus.FAILED:
            assert outcome.reason, where
            if name in (*LANDED, *EXTRAS):
                known = {
                    (company, name, day),
                    (company, name, NO_DAY),
                    (company, LANDED[0], NO_DAY),
                    (company, "events", NO_DAY),
                }
                assert stands & known, where
                assert here == sorted(slices(before, name).get((company, day), []), key=repr), where
        elif outcome.is_good and not gone:
            if "concurrency_gap" in kinds and name in ("event_concurrency", "peak_concurrency"):
                continue
            assert here == right, f"{where}\nmissing {set(right) - set(here)}\nextra {set(here) - set(right)}"
        elif outcome.is_good and name in (*LANDED, *EXTRAS):
            event = COLUMNS[name].index("event_id")
            kept, told_right = ([row for row in rows if row[event] not in gone] for rows in (here, right))
            assert kept == told_right or "concurrency_gap" in kinds, where


def trial(number: int, warehouse: Warehouse) -> Counter[str]:
    """Backfill with faults, check, mend, check; return what struck how often."""
    rng = random.Random(number)
    world, days = build_world(replace(SPEC, seed=number % 40)), DAYS
    with platform(
        world, warehouse, start=SPEC.first_day, quick=True, count_by=rng.choice(("spelling", "person"))
    ) as it:
        companies = it.walk()
        if rng.random() < 0.5:
            it.refresh(days)
            it.sandbox.clock.advance(timedelta(hours=1))
            stages = [event for event in world.events if event.event_type != HUB and event.rows]
            world.restate(rng.choice(stages).id, minutes=rng.choice((-2, 3))) if stages else None
        before = read_tables(warehouse, vanished=True)
        it.sandbox.requests.clear()
        made = faults_of(rng, number, it)
        kinds = {fault.kind for fault, _ in made._rates} | {line.fault.kind for line in made._lines}
        it.sandbox.faults = made
        outcomes = list(it.refresher().refresh(dict.fromkeys(companies, days)))
        check(it, before, outcomes, days, kinds, number)
        with suppress(SequelError):
            it.walk()
        it.sandbox.faults.clear()
        struck = Counter(name for request in it.sandbox.requests if request.fault for name in request.fault.split("+"))
        for event in list(world._vanished):
            world.reappear(event)
        again = it.refresh(days)
        assert failures(again) == [], f"trial {number}"
        it.assert_true(days, but=["people"])
        assert it.problems() == [], f"trial {number}"
    return struck


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(2))
def test_every_slice_is_the_truth_or_failed_by_name(
    new_warehouse: Callable[[str], Warehouse], part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one more refresh, when the faults have stopped, mends everything."""
    struck: Counter[str] = Counter()
    number = part
    while sum(struck.values()) < MANY / 2 or (MANY >= 1000 and number < 3 * len(KINDS)):
        warehouse = new_warehouse("sqlite")
        struck += trial(number, warehouse)
        warehouse.dispose()
        number += 2
    with capsys.disabled():
        print(f"\n{sum(struck.values())} faults in {number // 2} backfills, {len(struck)} kinds: {dict(struck)}")  # noqa: T201
