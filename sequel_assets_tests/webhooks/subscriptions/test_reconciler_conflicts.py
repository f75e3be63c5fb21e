"""Creations in doubt, two reconcilers at once, and what was replaced or deleted."""

import pytest
import sqlalchemy as sa

from sequel_assets.sequel import Unreachable
from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.subscriptions.decisions import IN_FLIGHT
from sequel_assets.webhooks.subscriptions.reconciler import ReconcilerReport, reseal
from sequel_assets_tests.webhooks.subscriptions.desks import DAY, desk, done, fails, settled
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import (
    BOTH,
    ENDED,
    KEY,
    OTHER_KEY,
    STARTED,
    ReconcilerStage,
)

__all__ = ["desk", "settled"]


def test_what_is_not_wanted_is_deleted(settled: ReconcilerStage) -> None:
    """At Sequel and here; a company alone, where only it is meant."""
    assert done(settled.look([], only=["bolt"])) == []
    assert done(settled.look([])) == [("delete", "not wanted")] * 2
    assert (settled.books.entries, settled.rows()) == ({}, [])
    assert done(settled.look([])) == []


def test_a_creation_that_sequel_refused_leaves_nothing(desk: ReconcilerStage) -> None:
    """And tells why, without the address, though Sequel quotes it."""
    fails(desk, "create", "400", times=2)
    report = desk.look()
    assert [failure.desired for failure in report.failures] == BOTH
    assert all(failure.reason.startswith("it could not be made: ") for failure in report.failures)
    with desk.warehouse.read() as connection:
        assert connection.execute(sa.select(subscriptions)).all() == []


@pytest.mark.parametrize("how", ["500 done", "500 not done"])
def test_a_creation_in_doubt_is_waited_for_and_then_made_again(desk: ReconcilerStage, how: str) -> None:
    """Deliveries that come by it meanwhile are in doubt; afterwards they are refused."""
    fails(desk, "create", how)
    report = desk.look([STARTED])
    assert [failure.desired for failure in report.failures] == [STARTED]
    assert desk.receives(STARTED) == ("in doubt" if how == "500 done" else "refused")
    assert done(desk.look([STARTED])) == []
    desk.now += IN_FLIGHT
    assert done(desk.look([STARTED])) == [("end", "its creation was never answered"), ("create", "missing")]
    assert (desk.receives(STARTED), desk.valid(STARTED)) == ("accepted", 1)


def test_without_a_connection_it_ends_for_all_and_leaves_nothing(desk: ReconcilerStage) -> None:
    """It was surely not done."""
    fails(desk, "create", "no connection", times=9)
    report = desk.look()
    assert isinstance(report.fatal, Unreachable)
    assert [failure.desired for failure in report.failures] == [None]
    assert desk.rows() == []


def test_two_reconcilers_make_nothing_twice(desk: ReconcilerStage) -> None:
    """Whoever comes second finds the mark of the first, and leaves it alone."""
    others: list[ReconcilerReport] = []

    def another() -> None:
        desk.books.tick = lambda: None
        others.append(desk.look())

    desk.books.tick = another  # in the midst of the first creation
    assert [what for what, _ in done(desk.look([STARTED]))] == ["create"]
    assert [step.desired for step in others[0].steps] == [ENDED]
    assert [(desk.receives(slot), desk.valid(slot)) for slot in BOTH] == [("accepted", 1)] * 2


def test_a_reconciler_that_comes_upon_another_gives_way(settled: ReconcilerStage) -> None:
    """It had looked before the other was done, and what it saw is not so any more."""
    gone = settled.books.entries.pop("id-1")
    others: list[ReconcilerReport] = []

    def another() -> None:
        settled.books.tick = lambda: None
        others.append(settled.look([STARTED]))

    settled.books.tick = another  # while the first asks for what is gone
    report = settled.look([STARTED])
    assert [step.do.value for step in others[0].steps if step.desired == STARTED] == ["create", "delete"]
    assert [(failure.desired, failure.reason[:34]) for failure in report.failures] == [
        (STARTED, "another process is working on it; ")
    ]
    assert (settled.receives(STARTED), settled.valid(STARTED)) == ("accepted", 1)
    assert gone.event_type == STARTED.event_type


def test_a_reconciler_that_was_given_up_takes_back_what_it_made(desk: ReconcilerStage) -> None:
    """Sequel's answer came after another had gone on: nothing is left over at Sequel."""

    def another() -> None:
        desk.books.tick = lambda: None
        desk.now += IN_FLIGHT
        assert [what for what, _ in done(desk.look([STARTED]))] == ["end", "create"]

    desk.books.tick = another
    report = desk.look([STARTED])
    assert [failure.reason[:22] for failure in report.failures] == ["Sequel took so long th"]
    assert (desk.receives(STARTED), desk.valid(STARTED), len(desk.books.entries)) == ("accepted", 1, 1)


def keys_at(desk: ReconcilerStage, ended: bool) -> list[tuple[str | None, str | None, object]]:
    """The keys of the rows that have ended, or not, as they can be read, and until when the one before is good."""
    seal, s = Seal(desk.keys), subscriptions.c
    columns = sa.select(s.sealed_secret, s.sealed_previous_secret, s.previous_until)
    with desk.warehouse.read() as connection:
        rows = connection.execute(columns.where(s.ended_at.is_not(None) if ended else s.ended_at.is_(None))).all()
    return [(key and seal.open(key), before and seal.open(before), until) for key, before, until in rows]


def test_what_was_replaced_is_answered_for_a_day_more(settled: ReconcilerStage) -> None:
    """A delivery of it may have been told to come again; its key is sealed anew with the others, and then forgotten."""
    old = settled.books.entries["id-1"].secret
    del settled.books.entries["id-1"]
    assert done(settled.look()) == [
        ("create", "Sequel does not know it any more"),
        ("delete", "Sequel does not know it any more"),
    ]
    assert keys_at(settled, ended=True) == [(None, old, settled.now + DAY)]
    settled.keys = (OTHER_KEY, KEY)
    assert reseal(settled.warehouse, Seal(settled.keys)) == (3, 0)
    settled.keys = (OTHER_KEY,)
    assert keys_at(settled, ended=True) == [(None, old, settled.now + DAY)]
    settled.now += DAY
    assert done(settled.look()) == []
    assert keys_at(settled, ended=True) == [(None, None, None)]


def test_what_is_deleted_because_nobody_wants_it_is_refused_at_once(settled: ReconcilerStage) -> None:
    """Its key is forgotten with it."""
    assert done(settled.look([])) == [("delete", "not wanted")] * 2
    assert keys_at(settled, ended=True) == [(None, None, None)] * 2
