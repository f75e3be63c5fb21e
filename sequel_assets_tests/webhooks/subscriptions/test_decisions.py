"""What the reconciler decides about one slot, case by case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.warehouse.stores.subscriptions import StoredSubscription
from sequel_assets.webhooks.subscriptions.decisions import (
    IN_FLIGHT,
    Action,
    DesiredSubscription,
    ObservedSubscription,
    RemoteState,
    Step,
    desired_subscriptions,
    is_due,
    is_urgent,
    steps_for,
)

NOW = datetime(2026, 3, 3, 15, 7, tzinfo=UTC)
LENGTH = timedelta(days=90)
SLOT = DesiredSubscription("acme", "virtual-stage-event-ended")
PRESENT, GONE, MISDIRECTED, UNKNOWN = (
    RemoteState.PRESENT,
    RemoteState.GONE,
    RemoteState.MISDIRECTED,
    RemoteState.UNKNOWN,
)
YOUNG, OLD = NOW - IN_FLIGHT + timedelta(seconds=1), NOW - IN_FLIGHT


def row(name: str = "a", days_left: float = 80, **changes: Any) -> StoredSubscription:
    """A subscription that is well, made ten days ago, or later the later its name."""
    made = NOW - timedelta(days=10) + timedelta(hours=ord(name[0]))
    return replace(
        StoredSubscription(
            company_id=SLOT.company_id,
            capability_hash=name,
            event_type=SLOT.event_type,
            subscription_id=f"id-{name}",
            event_id=None,
            sealed_secret="sealed",
            sealed_previous_secret=None,
            previous_until=None,
            rotating_since=None,
            expires_at=NOW + timedelta(days=days_left),
            created_at=made,
            checked_at=made,
            ended_at=None,
        ),
        **changes,
    )


def kept(name: str = "a", days_left: float = 80, remote: RemoteState = PRESENT, **changes: Any) -> ObservedSubscription:
    """The same as a look has found it."""
    found = {key: changes.pop(key) for key in list(changes) if key in ObservedSubscription.__dataclass_fields__}
    return ObservedSubscription(row(name, days_left, **changes), remote=remote, **found)


def being_made(since: datetime, name: str = "n") -> ObservedSubscription:
    """A row that Sequel has not answered for."""
    return kept(name, remote=UNKNOWN, subscription_id=None, sealed_secret=None, expires_at=None, created_at=since)


def planned(*found: ObservedSubscription, **how: Any) -> list[tuple[Any, ...]]:
    """The steps: what, which row, and the days of an extension."""
    return [
        (step.do, step.capability_hash, *([step.days] if step.days else []))
        for step in steps_for(SLOT, found, NOW, LENGTH, **how)
    ]


CASES: dict[str, tuple[list[ObservedSubscription], list[tuple[Any, ...]]]] = {
    "missing": ([], [(Action.CREATE, "")]),
    "well": ([kept()], []),
    "well, Sequel says nothing": ([kept(remote=UNKNOWN)], []),
    "exactly a third left": ([kept(days_left=30)], []),
    "less than a third left": ([kept(days_left=29.5)], [(Action.EXTEND, "a", 61)]),
    "less than a third left, Sequel says nothing": ([kept(days_left=29.5, remote=UNKNOWN)], [(Action.EXTEND, "a", 61)]),
    "an hour left": ([kept(days_left=1 / 24)], [(Action.EXTEND, "a", 90)]),
    "extending was refused": ([kept(days_left=29, cannot_extend=True)], [(Action.RENEW, "a")]),
    "extended, and enough": ([kept(days_left=89, cannot_extend=True)], []),
    "renewing was refused": ([kept(days_left=29, cannot_extend=True, cannot_renew=True)], [(Action.CREATE, ""), (Action.DELETE, "a")]),
    "lapsed": ([kept(days_left=0)], [(Action.CREATE, ""), (Action.DELETE, "a")]),
    "gone at Sequel": ([kept(remote=GONE)], [(Action.CREATE, ""), (Action.DELETE, "a")]),
    "delivers elsewhere": ([kept(remote=MISDIRECTED)], [(Action.CREATE, ""), (Action.DELETE, "a")]),
    "unreadable key": ([kept(is_readable=False)], [(Action.RENEW, "a")]),
    "unreadable key, renewing was refused": (
        [kept(is_readable=False, cannot_renew=True)],
        [(Action.CREATE, ""), (Action.DELETE, "a")],
    ),
    "being made": ([being_made(YOUNG)], []),
    "never answered": ([being_made(OLD)], [(Action.END, "n"), (Action.CREATE, "")]),
    "one well, one being made": ([kept(), being_made(YOUNG)], []),
    "one well, one never answered": ([kept(), being_made(OLD)], [(Action.END, "n")]),
    "gone, and another being made": ([kept(remote=GONE), being_made(YOUNG)], []),
    "being renewed": ([kept(rotating_since=YOUNG)], []),
    "its renewal never ended": ([kept(rotating_since=OLD)], [(Action.CREATE, ""), (Action.DELETE, "a")]),
    "two that are well": ([kept("a"), kept("b")], [(Action.DELETE, "a")]),
    "two, Sequel does not speak of the newer": ([kept("a"), kept("b", remote=UNKNOWN)], []),
    "two, the newer cannot be read": ([kept("a"), kept("b", is_readable=False)], [(Action.DELETE, "b")]),
    "two, the newer is due": ([kept("a"), kept("b", days_left=20)], [(Action.DELETE, "b")]),
    "two that are due": ([kept("a", 20), kept("b", 25)], [(Action.EXTEND, "b", 65), (Action.DELETE, "a")]),
    "a doubtful one and a new one": ([kept("a", rotating_since=OLD), kept("b")], [(Action.DELETE, "a")]),
    "a doubtful one and one that nobody speaks of": ([kept("a", rotating_since=OLD), kept("b", remote=UNKNOWN)], []),
    "a doubtful one and one that cannot be read": ([kept("a", rotating_since=OLD), kept("b", is_readable=False)], [(Action.RENEW, "b")]),
    "two that cannot be read": ([kept("a", is_readable=False), kept("b", is_readable=False)], [(Action.RENEW, "b")]),
    "one well, another being renewed elsewhere": ([kept("a"), kept("b", rotating_since=YOUNG)], []),
    "what has ended is no matter": ([kept("a", ended_at=NOW), kept("b")], []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_state_has_its_steps(case: str) -> None:
    """What is good stays until something as good stands."""
    found, steps = CASES[case]
    assert planned(*found) == steps


def test_what_is_not_wanted_goes() -> None:
    """At Sequel where it is known there; a creation that nobody answered ends here."""
    found = [kept("a"), kept("b", remote=GONE), being_made(YOUNG, "c"), kept("d", rotating_since=YOUNG)]
    steps = [(Action.DELETE, "a"), (Action.DELETE, "b"), (Action.END, "c"), (Action.DELETE, "d")]
    assert planned(*found, is_wanted=False) == steps


def test_a_new_key_is_asked_for_once() -> None:
    """Until this look has brought one; not of what is in doubt anyhow."""
    assert planned(kept(), new_keys=True) == [(Action.RENEW, "a")]
    assert planned(kept(has_new_key=True), new_keys=True) == []
    assert planned(kept(cannot_renew=True), new_keys=True) == [(Action.CREATE, ""), (Action.DELETE, "a")]
    assert planned(kept(rotating_since=YOUNG), new_keys=True) == []


def test_an_extension_reaches_the_length_again_within_what_sequel_allows() -> None:
    """2 to 365 days."""
    days = timedelta(days=1)
    (step,) = steps_for(SLOT, [kept(days_left=0.6)], NOW, 2 * days)
    assert step == Step(Action.EXTEND, SLOT, "about to lapse", "a", 2)
    (step,) = steps_for(SLOT, [kept(days_left=0.01)], NOW, 365 * days)
    assert step == Step(Action.EXTEND, SLOT, "about to lapse", "a", 365)


@pytest.mark.parametrize(
    ("days", "due", "urgent"),
    [(30, False, False), (29.99, True, False), (15.01, True, False), (15, True, True), (-1, True, True)],
)
def test_a_third_is_due_and_a_sixth_is_urgent(days: float, due: bool, urgent: bool) -> None:
    """Of the length; what has no date is neither."""
    at = NOW + timedelta(days=days)
    assert (is_due(at, NOW, LENGTH), is_urgent(at, NOW, LENGTH)) == (due, urgent)
    assert (is_due(None, NOW, LENGTH), is_urgent(None, NOW, LENGTH)) == (False, False)


def test_each_company_is_wanted_once_with_every_type() -> None:
    """However often it is named."""
    assert desired_subscriptions(["a", "b", "a"], ["x", "y"]) == [
        DesiredSubscription("a", "x"),
        DesiredSubscription("a", "y"),
        DesiredSubscription("b", "x"),
        DesiredSubscription("b", "y"),
    ]


@st.composite
def anything(draw: st.DrawFn) -> list[ObservedSubscription]:
    """Up to four rows in any state."""
    moments = st.sampled_from([None, YOUNG, OLD])
    return [
        kept(
            name,
            draw(st.sampled_from([-1, 0, 1, 20, 40, 90])),
            draw(st.sampled_from(list(RemoteState))),
            rotating_since=draw(moments),
            subscription_id=draw(st.sampled_from([None, "id", "id"])),
            created_at=draw(st.sampled_from([YOUNG, OLD, NOW - LENGTH])),
            is_readable=draw(st.booleans()),
            cannot_extend=draw(st.booleans()),
            cannot_renew=draw(st.booleans()),
            has_new_key=draw(st.booleans()),
        )
        for name in "abcd"[: draw(st.integers(0, 4))]
    ]


@given(found=anything(), new_keys=st.booleans())
def test_a_plan_never_takes_what_is_good_before_something_as_good_stands(
    found: list[ObservedSubscription], new_keys: bool
) -> None:
    """Whatever the rows: at most one is made, and of those that work one at least is not deleted, unless one was made."""
    steps = steps_for(SLOT, found, NOW, LENGTH, new_keys=new_keys)
    away = {step.capability_hash for step in steps if step.do in (Action.DELETE, Action.END)}
    made = [place for place, step in enumerate(steps) if step.do is Action.CREATE]
    working = {
        one.row.capability_hash
        for one in found
        if one.row.subscription_id is not None
        and one.remote is PRESENT
        and one.is_readable
        and one.row.rotating_since is None
        and one.row.expires_at is not None
        and one.row.expires_at > NOW
    }
    assert len(made) <= 1
    assert made or not working or working - away
    deleted = [place for place, step in enumerate(steps) if step.do is Action.DELETE]
    assert not made or all(place > made[0] for place in deleted)
    assert len({(step.do, step.capability_hash) for step in steps}) == len(steps)
