"""A warehouse that the release before has filled: its people are the same ones afterwards, and nobody is doubled or lost.

`rule_1.json` holds every row that the code of that release wrote of the world below (two lists of ranges left out, which
are derived again).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.coverage.due_days import DayCoverage, days_to_request, due_this_hour
from sequel_assets.refresh.coverage.slice_coverage import landed_days
from sequel_assets.refresh.transform.checks import behind_facts, unreconciled
from sequel_assets.sandbox import Attendance, Person, World
from sequel_assets.sandbox.world.truth import MISSING
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.identity.merged_people import REASON
from sequel_assets.warehouse.tables.core import event_participants, people, problems, refreshes, restatements
from sequel_assets.warehouse.tables.event_details import event_activity
from sequel_assets_tests.pipeline.people.older_warehouse import MINE, fill, take_over
from sequel_assets_tests.support.commands.calls import call_in_process
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    DAYS,
    NOW,
    PlatformUnderTest,
    at,
    day,
    event,
    failures,
    platform,
    problems_of,
    world_of,
)
from sequel_assets_tests.support.reference import KEY, assert_equal_tables, dump_of_slices

START, DAYS_KEPT = date(2026, 3, 2), DAYS[1:5]


def world() -> World:
    """Nameless people, three of one name, one name in two ways of writing, and a J with a caron, capital and small."""
    guests = [Person("Guest", which=n) for n in (1, 2, 3)]
    crowd = [
        Attendance(Person(""), live=[(at(3), 3)], email=None, name=None),
        Attendance(Person("", which=2), live=[(at(3, 9, 10), 3)], email=MISSING, name=" "),
        Attendance(guests[0], live=[(at(3), 3)], on_demand=[(at(3, 12), 4)], email=""),
        Attendance(guests[1], live=[(at(3, 9, 10), 3)], email=None),
        Attendance(guests[2], on_demand=[(at(3, 13), 4)], email=" "),
        Attendance(Person("Zo\u00eb"), live=[(at(3), 20)], on_demand=[(at(4), 2)], email=None),
        Attendance(Person("Zoe\u0308", which=2), on_demand=[(at(5), 6)], email=None),
        Attendance(ADA, live=[(at(3), 9)]),
        Attendance(Person("Jo", "J\u030co@example.org"), live=[(at(3), 8)], email="J\u030co@example.org"),
    ]
    alone = [
        Attendance(Person("zoe\u0308"), live=[(at(2), 5)], email=None, name="ZOE\u0308 "),
        Attendance(Person("Bo"), live=[(at(2), 7)], email=None),
        Attendance(BO, live=[(at(2), 7)]),
    ]
    plain = [Attendance(ADA, live=[(at(2), 12)], on_demand=[(at(4), 3)]), Attendance(BO, live=[(at(2), 7)])]
    late = [Person("Late", "late@example.org"), Person("")]
    events = (
        event("e", "kid", at(3), crowd),
        event("f", "kid", at(2), alone, absentees=late),
        event("g", "root", at(2), plain),
    )
    return world_of(*events)


def owed(it: PlatformUnderTest) -> dict[str, dict[date, DayCoverage]]:
    """Return what a backfill asks for, by company."""
    with it.warehouse.read() as connection:
        held = landed_days(connection, ["kid", "root"])
    return {
        company: days_to_request(DAYS_KEPT, slices, NOW, settle=it.refresher()._config.settle)
        for company, slices in held.items()
    }


def sums(warehouse: Warehouse) -> list[Any]:
    """Return the minutes of each event and day."""
    p = event_participants.c
    with warehouse.read() as connection:
        query = sa.select(
            p.day,
            p.event_id,
            sa.func.sum(p.live_minutes),
            sa.func.sum(p.on_demand_minutes),
            sa.func.sum(p.engaged_minutes),
        )
        return [
            tuple(map(str, row))
            for row in connection.execute(query.group_by(p.day, p.event_id).order_by(p.day, p.event_id))
        ]


def test_an_older_warehouse_is_that_of_a_new_backfill_after_its_owed_days_are_asked(
    old: Warehouse, engine_kind: str, new_warehouse: Callable[[str], Warehouse]
) -> None:
    """Byte for byte, insights too; what did not move is not restated, and nothing is asked that need not be."""
    before = sums(old)
    take_over(old)
    assert sums(old) == before
    fresh = new_warehouse(engine_kind)
    with platform(world(), old, start=START) as it:
        assert owed(it) == {"kid": {day(3): DayCoverage.FULL}, "root": {}}
        assert [problem[:4] for problem in problems_of(old) if problem[4] == REASON] == [
            ("kid", "event_activity", day(3), "e"),
            ("kid", "event_participants", day(3), "e"),
        ]
        asked = it.walk()
        outcomes = list(it.refresher().refresh({company: owed(it)[company] for company in asked}))
        assert failures(outcomes) == []
        assert it.problems() == []
        assert owed(it) == {"kid": {}, "root": {}}
        new = PlatformUnderTest(it.world, it.sandbox, it.client, fresh, START)
        assert failures(new.refresh(DAYS_KEPT)) == []
    assert_equal_tables(dump_of_slices(old), dump_of_slices(fresh))
    with old.read() as connection:
        assert unreconciled(connection) == []
        assert [
            behind_facts(connection, insight, START, {}) for insight in INSIGHTS if not insight.with_descendants
        ] == [[]] * sum(not i.with_descendants for i in INSIGHTS)
        moved = {
            row[:4]
            for row in connection.execute(
                sa.select(restatements.c.dataset, restatements.c.day, restatements.c.key, restatements.c.column_name)
            )
        }
    assert {(dataset, on) for dataset, on, _, column in moved if dataset in ("event_participants", "event_activity")} == {
        ("event_participants", day(3)), ("event_activity", day(3))
    }  # fmt: skip
    assert {column for dataset, _, _, column in moved if dataset == "event_participants"} == {"people"}


def test_the_bookkeeping_of_what_was_rewritten_is_that_of_its_rows(old: Warehouse) -> None:
    """So that what is derived from it is behind, and what was not touched is not."""
    with old.read() as connection:
        before = {(r.company_id, r.dataset, r.day): r.checksum for r in connection.execute(sa.select(refreshes))}
    take_over(old)
    with old.read() as connection:
        after = {(r.company_id, r.dataset, r.day): r.checksum for r in connection.execute(sa.select(refreshes))}
    assert {key for key in before if before[key] != after[key]} == {
        *(("kid", "event_participants", day(number)) for number in (2, 5)),
        *(("kid", "event_activity", day(number)) for number in (2, 3)), ("kid", "registrants", date(1, 1, 1)),
    }  # fmt: skip


def test_the_command_brings_an_older_database_to_this_release(tmp_path: Path, new_database: Callable[..., str]) -> None:
    """Tables, then ids, in one call; without a key the ids wait, and another key is refused after that too."""
    url = new_database("sqlite", migrated=False)
    warehouse = Warehouse(url)
    with warehouse.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        fill(connection)
    warehouse.dispose()
    told = {"SEQUEL_WAREHOUSE_URL": url, "SEQUEL_API_URL": MINE.api_url or ""}
    with_key = {**told, "SEQUEL_COMPANY_ID": "root", "SEQUEL_PERSON_KEY": KEY}
    first = call_in_process(["migrate"], tmp_path, told)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith(f"the warehouse has schema {schema.newest()}\nits people's ids do not follow")
    other = call_in_process(["migrate"], tmp_path, with_key | {"SEQUEL_PERSON_KEY": "another key" * 3})
    assert (other.returncode, other.stdout) == (2, "")
    assert "5 of 5 e-mails of company kid do not hash to the stored ids" in other.stderr
    assert [call_in_process(["migrate"], tmp_path, with_key).stdout for _ in range(2)] == [
        f"the warehouse has schema {schema.newest()}\n"
    ] * 2
    assert "rule of people's ids" in call_in_process(["identity"], tmp_path, with_key).stdout


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_final_day_that_is_to_be_asked_again_is_due_by_the_hour_too_and_a_frozen_one_is_not(old: Warehouse) -> None:
    """Its minutes only where they are meant; any other problem of a final day has nobody ask again by itself."""
    take_over(old)

    def due(**more: Any) -> dict[date, DayCoverage]:
        with old.read() as connection:
            held = landed_days(connection, ["kid"])["kid"]
        found = due_this_hour(held, NOW, settle=timedelta(minutes=5), late_window=timedelta(hours=48), **more)
        return {on: coverage for on, coverage in found.items() if on in DAYS_KEPT}

    assert due() == {day(3): DayCoverage.FULL}
    assert due(frozen_before=day(4)) == {}
    with old.write() as connection:
        connection.execute(problems.delete().where(problems.c.dataset == "event_participants"))
    assert due() == {day(3): DayCoverage.EVENT_DETAILS}
    with old.write() as connection:
        connection.execute(problems.update().values(reason="it fails", kind="problem"))
    assert due() == {}


def test_one_person_who_stands_in_a_list_by_two_ids_keeps_both_rows_until_it_is_asked_again(old: Warehouse) -> None:
    """No row is merged, none is lost: what both did is told by Sequel alone."""
    a, p = event_activity.c, people.c
    with old.write() as connection:
        one, other = connection.scalars(sa.select(p.person_id).where(p.name == "Jo").order_by(p.person_id)).all()
        row = connection.execute(sa.select(event_activity).where(a.person_id.in_([one, other]))).one()._mapping
        connection.execute(
            event_activity.insert().values({**row, "person_id": other if row["person_id"] == one else one})
        )
    take_over(old)
    with old.read() as connection:
        jos = set(connection.scalars(sa.select(a.person_id).where(a.person_id.in_([one, other]))))
        noted = connection.scalars(
            sa.select(problems.c.day).where(problems.c.dataset == "event_activity", problems.c.reason == REASON)
        ).all()
    assert jos == {one, other}
    assert noted == [day(3)]
