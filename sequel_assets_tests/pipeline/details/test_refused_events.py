"""An event that is refused: named, and hiding no other."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.datasets.endpoint import WAY_OUT
from sequel_assets.sandbox import Event, Fault, Faults, Sandbox
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.company_lists import registrants
from sequel_assets.warehouse.tables.event_details import chat_messages
from sequel_assets_tests.pipeline.details.parts import SQLITE, next_hour, stored, unavailable
from sequel_assets_tests.pipeline.details.talking import talking
from sequel_assets_tests.pipeline.details.test_event_details import INTERACTIONS
from sequel_assets_tests.support.harness import PlatformUnderTest, at, day, event, failures, platform, world_of


def refuse(it: PlatformUnderTest, path: str, *event_ids: str, kind: str = "http_404") -> None:
    """Refuse a path of these events, and of no others."""
    it.sandbox.faults = Faults(paths=[(f"*/{event_id}/{path}", Fault(kind)) for event_id in event_ids])


def eight() -> list[Event]:
    """Return eight events on seven days."""
    return [talking(f"e{number}", on=number % 7 + 1) for number in range(1, 8)] + [talking("e8", on=7)]


def assert_two_are_named(it: PlatformUnderTest, outcomes: Any) -> None:
    """Fail unless e6 and e8, both of the 7th, fail that day by name and nothing else is missing."""
    failed = failures(outcomes)
    assert {one[:3] for one in failed} == {("kid", name, day(7)) for name in INTERACTIONS}
    for *_, reason in failed:
        assert [part.split(": ")[0] for part in reason.split(WAY_OUT) if part] == ["event e6", "; event e8"]
    assert unavailable(it) == {}
    assert {problem[1:4] for problem in it.problems()} == {
        (name, day(7), event_id) for name in INTERACTIONS for event_id in ("e6", "e8")
    }


@pytest.mark.sampled(3)
@SQLITE
@pytest.mark.parametrize("kind", ["http_404", "http_403", "has_error"])
def test_two_bad_events_fail_by_name_and_hide_no_others(warehouse: Warehouse, kind: str) -> None:
    """The newest are tried first; that they are refused says nothing of a company whose other events are told."""
    with platform(world_of(*eight()), warehouse, quick=True) as it:
        refuse(it, "polls", "e6", "e8", kind=kind)
        assert_two_are_named(it, it.refresh())
        with warehouse.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(chat_messages)) == 6
        it.sandbox.faults.clear()
        assert failures(it.refresh()) == []
        it.assert_true()


@pytest.mark.scenario
@SQLITE
def test_events_that_were_available_an_hour_ago_are_not_unavailable_now(warehouse: Warehouse) -> None:
    """Also where they are all that is asked."""
    with platform(world_of(*eight()), warehouse, quick=True) as it:
        it.refresh()
        refuse(it, "polls", "e6", "e8")
        next_hour(it)
        assert_two_are_named(it, it.refresh())
        next_hour(it)
        assert_two_are_named(it, it.refresh([day(7)]))


@SQLITE
def test_what_was_withdrawn_fails_for_a_week_and_is_unavailable_then(warehouse: Warehouse) -> None:
    """Nobody can mend it, so that it must not be red for ever; what was told stays."""
    with platform(world_of(*eight()), warehouse, quick=True) as it:
        it.refresh()
        it.sandbox.faults = Faults(paths=[("*/polls", Fault("http_404"))])
        next_hour(it, 24)
        assert {one[1] for one in failures(it.refresh([day(7)]))} == {*INTERACTIONS}
        next_hour(it, 7 * 24)
        again = it.refresher(anew=True)
        assert failures(again.refresh({"kid": [day(7)]})) == []
        assert {*unavailable(it)} == {*INTERACTIONS}
        assert it.problems() == []
        assert day(7) in stored(it, "polls")


@SQLITE
def test_what_is_unavailable_is_tried_with_events_of_all_times(warehouse: Warehouse) -> None:
    """Twelve newest are refused, the oldest are told: it is found out with no more than eight."""
    events = [event(f"e{number:02}", "kid", at(3, number), talking().rows) for number in range(16)]
    with platform(world_of(*events), warehouse, quick=True) as it:
        refuse(it, "registrants", *(f"e{number:02}" for number in range(4, 16)))
        it.refresh()
        assert unavailable(it) == {}
        assert [one[3] for one in it.problems()] == [f"e{number:02}" for number in range(4, 16)]
        with warehouse.read() as connection:
            told = set(connection.scalars(sa.select(registrants.c.event_id)))
        assert told == {f"e{number:02}" for number in range(4)}


@pytest.mark.scenario
@SQLITE
def test_an_unavailable_endpoint_is_tried_with_eight_events_and_then_with_one_an_hour(
    warehouse: Warehouse,
) -> None:
    """Asking costs."""
    events = [event(f"e{number:02}", "kid", at(3 + number % 6, number), talking().rows) for number in range(20)]
    with platform(world_of(*events), warehouse, quick=True, named_endpoints=False) as it:
        it.refresh()
        assert polls_requested(it.sandbox) == 8
        it.sandbox.requests.clear()
        next_hour(it)
        list(it.refresher().refresh({"kid": {day(8): DayCoverage.ACTIVE}}))
        assert polls_requested(it.sandbox) == 1


def polls_requested(sandbox: Sandbox) -> int:
    """Return of how many events interactions were asked."""
    return len({one.path for one in sandbox.requests if one.path.endswith("/polls")})


@SQLITE
def test_a_404_of_an_event_that_nobody_came_to_is_no_failure(warehouse: Warehouse) -> None:
    """It has no concurrency, chat or recording: as the documents have it of concurrency. Activity tells who registered."""
    with platform(world_of(talking(), event("silent", "kid", at(8, 16))), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(
            paths=[(f"*/silent/{path}", Fault("http_404")) for path in ("polls", "availableReplays")]
        )
        assert failures(it.refresh()) == []
        assert unavailable(it) == {}
        assert {day(8)} <= stored(it, "chat_messages") & stored(it, "replays")
        it.assert_true(but=["replays"])
        it.sandbox.faults = Faults(paths=[("*/silent/user-activity*", Fault("http_404"))])
        next_hour(it)
        assert [one[:3] for one in failures(it.refresh())] == [("kid", "event_activity", day(8))]


@SQLITE
def test_a_404_beside_nothing_but_failures_is_not_taken_for_an_empty_range(warehouse: Warehouse) -> None:
    """That the endpoint tells anything of the company is not known then, and what is not known is not 0."""
    with platform(world_of(talking(), event("silent", "kid", at(2))), warehouse, quick=True) as it:
        it.sandbox.faults = Faults(paths=[("*/e/polls", Fault("http_500")), ("*/silent/polls", Fault("http_404"))])
        assert {one[2] for one in failures(it.refresh()) if one[1] == "polls"} == {day(2), day(3)}
        assert {day(2), day(3)} & stored(it, "polls") == set()
