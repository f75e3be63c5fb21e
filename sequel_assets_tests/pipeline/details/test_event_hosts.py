"""Who organizes and presents events: kept as the list of events answers it, in whatever shape, and never taken for nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import MISSING, Attendance, Fault, Faults
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.company_lists import event_host_counts, event_hosts
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, people, refreshes
from sequel_assets_tests.support.harness import ADA, BO, NOW, PlatformUnderTest, at, event, failures, platform, world_of
from sequel_assets_tests.support.reference import person_id

SQLITE = pytest.mark.parametrize("engine_kind", ["sqlite"])
LATER = NOW + timedelta(hours=1)
ADA_ID, BO_ID, CY_ID = (person_id(f"{name}@example.org") for name in ("ada", "bo", "cy"))
AN_ID = person_id("\0\0u-7")


def hosted(organizers: Any = (), presenters: Any = (), event_id: str = "e1") -> Any:
    """Return an event that Ada came to, with these hosts."""
    rows = [Attendance(ADA, live=[(at(5), 9)])]
    return event(event_id, "kid", at(5), rows, organizers=organizers, presenters=presenters)


def stored(warehouse: Warehouse) -> set[tuple[Any, ...]]:
    """Return (event, person, role, has_email) of every host."""
    with warehouse.read() as connection:
        return {(*row[1:5],) for row in connection.execute(sa.select(event_hosts))}


def counted(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Return (event, organizers, presenters, by_id, unknown) of every event."""
    with warehouse.read() as connection:
        return [(*row[1:],) for row in connection.execute(sa.select(event_host_counts).order_by("event_id"))]


def next_hour(it: PlatformUnderTest) -> None:
    """Let an hour go by, and refresh; nothing fails."""
    it.sandbox.clock.advance(timedelta(hours=1))
    assert failures(it.refresh()) == []
    assert it.problems() == []


def test_hosts_are_told_from_the_audience_by_their_person_id(warehouse: Warehouse) -> None:
    """In every shape: e-mails in any spelling, objects, ids; who is both has two rows, who stands twice has one."""
    organizers = [" ADA@example.org", {"uid": "u-7", "name": "Guest"}, "u-7"]
    presenters = [{"userEmail": "bo@example.org", "name": "Bo", "uid": "u-8"}, {"email": "ada@example.org"}]
    with platform(world_of(hosted(organizers, presenters)), warehouse) as it:
        assert failures(it.refresh()) == []
        assert stored(warehouse) == {
            ("e1", ADA_ID, "organizer", True),
            ("e1", AN_ID, "organizer", False),
            ("e1", BO_ID, "presenter", True),
            ("e1", ADA_ID, "presenter", True),
        }
        assert counted(warehouse) == [("e1", 3, 2, 2, 0)]
        with warehouse.read() as connection:
            came = set(connection.scalars(sa.select(event_participants.c.person_id)))
            p = people.c
            known = {(*row,) for row in connection.execute(sa.select(p.person_id, p.email, p.name))}
        assert came == {ADA_ID}
        assert known == {(ADA_ID, "ada@example.org", "Ada"), (BO_ID, "bo@example.org", "Bo"), (AN_ID, None, "Guest")}
        it.assert_true()


@pytest.mark.sampled(3)
@SQLITE
@pytest.mark.parametrize(
    ("entries", "count"),
    [
        ([], (0, 0, 0, 0)),
        (None, (None, 0, 0, 0)),
        (MISSING, (None, 0, 0, 0)),
        ([None, True, 1.5, [], {}, "", " ", {"email": "nobody", "name": "N"}], (0, 0, 0, 8)),
        ("u-7", (1, 0, 1, 0)),
        ({"email": "ada@example.org"}, (1, 0, 0, 0)),
        (7, (1, 0, 1, 0)),
        (["x" * 201, f"{'x' * 400}@example.org", {"id": "y" * 201}], (0, 0, 0, 3)),
        ([f"u-{n}" for n in range(300)], (200, 0, 200, 100)),
    ],
)
def test_whatever_stands_there_is_counted_and_fails_nothing(warehouse: Warehouse, entries: Any, count: Any) -> None:
    """Neither the event nor its list fails, no problem stands, and what is unknown is not nobody."""
    made = hosted()
    made.extra = {"organizers": entries}
    with platform(world_of(made), warehouse) as it:
        assert failures(it.refresh()) == []
        assert (counted(warehouse), it.problems()) == ([("e1", *count)], [])
        assert len(stored(warehouse)) == (count[0] or 0)


@pytest.mark.scenario
def test_hosts_are_replaced_as_the_list_answers_them_and_keep_when_they_were_first_seen(warehouse: Warehouse) -> None:
    """Also of an event that started days ago; the bookkeeping says how many there are; nothing is requested for them."""
    with platform(world_of(hosted(["ada@example.org"], ["bo@example.org"])), warehouse) as it:
        it.refresh()
        it.sandbox.requests.clear()
        found = it.world.event("e1")
        assert found is not None
        found.organizers, found.presenters = ("ada@example.org", "cy@example.org"), ()
        next_hour(it)
        assert [request.path for request in it.sandbox.requests if request.path.endswith("/event/e1")] == []
        with warehouse.read() as connection:
            rows = {(row.person_id, row.first_seen_at) for row in connection.execute(sa.select(event_hosts))}
            r = refreshes.c
            here = (r.dataset == event_hosts.name, r.company_id == "kid", r.day == NO_DAY)
            count = connection.scalar(sa.select(r.rows).where(*here))
        assert (rows, count) == ({(ADA_ID, NOW), (CY_ID, LATER)}, 2)
        it.assert_true(but=["people"])  # who hosts no more stays known by name


@SQLITE
def test_a_list_that_fails_leaves_the_hosts_as_they_are(warehouse: Warehouse) -> None:
    """The company's slices fail by name, as without hosts."""
    with platform(world_of(hosted(["ada@example.org"])), warehouse, quick=True) as it:
        it.refresh()
        before = (stored(warehouse), counted(warehouse))
        it.sandbox.faults = Faults(paths=[("*/company/kid/events", Fault("http_500"))])
        it.sandbox.clock.advance(timedelta(hours=1))
        assert failures(it.refresh()) != []
        assert (stored(warehouse), counted(warehouse)) == before


@pytest.mark.scenario
def test_an_event_that_moves_takes_its_hosts_along(warehouse: Warehouse) -> None:
    """Their names leave the old company with them, where they stand in nothing else of it."""
    with platform(world_of(hosted(["bo@example.org"]), hosted((), (), "e2")), warehouse) as it:
        it.refresh()
        it.world.move_event("e1", "root")
        next_hour(it)
        with warehouse.read() as connection:
            hosts = {(row.company_id, row.person_id) for row in connection.execute(sa.select(event_hosts))}
            named = set(connection.scalars(sa.select(people.c.person_id).where(people.c.company_id == "kid")))
        assert (hosts, named) == ({("root", BO_ID)}, {ADA_ID})
        it.assert_true()


@SQLITE
def test_the_hosts_of_a_person_are_the_same_person_in_two_events(warehouse: Warehouse) -> None:
    """An id is the same in every event, and no name's or e-mail's."""
    made = [hosted(["u-7"]), hosted(["u-7", {"name": "u-7", "email": "bo@example.org"}], (), "e2")]
    with platform(world_of(*made), warehouse) as it:
        it.refresh()
        assert stored(warehouse) == {
            ("e1", AN_ID, "organizer", False),
            ("e2", AN_ID, "organizer", False),
            ("e2", BO_ID, "organizer", True),
        }
        assert BO.email == "bo@example.org"
