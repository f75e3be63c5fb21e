"""Whatever arrives in whatever order has one effect, and is closed."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequel_assets.refresh.core.time import data_through
from sequel_assets.warehouse.stores.notifications import Waiting
from sequel_assets.webhooks.processing.actions import FETCHING, NamedEvent, NotificationAction, NotificationStep
from sequel_assets.webhooks.processing.decisions import plan
from sequel_assets_tests.webhooks.processing.states import SETTLE, TODAY, TWO, at, notification, state_of


@dataclass
class InboxInMemory:
    """An inbox as rows in memory, runs that may die, and an hourly run that may be off."""

    hourly_is_on: bool
    rows: list[Waiting] = field(default_factory=list)
    through: datetime = TWO
    runs: int = 0
    effects: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    closed: int = 0

    def steps(self, now: datetime) -> list[NotificationStep]:
        """Decide, and close what is done with."""
        now_is = state_of(now, self.through, events={f"e{n}": NamedEvent("acme", at(13)) for n in range(4)})
        steps = plan(self.rows, now_is)
        for step in steps:
            if step.do is NotificationAction.CLOSE:
                self.rows.remove(step.notification)
                self.closed += 1
        return [step for step in steps if step.do in FETCHING]

    def run(self, now: datetime, *, dies: bool) -> None:
        """Take up what is asked for; do it, unless the run dies."""
        asked = self.steps(now)
        if not asked:
            return
        self.runs += 1
        for event_id, do in {(step.notification.event_id or "", step.do) for step in asked}:
            if not dies:
                self.effects[event_id].append(do)
        for step in asked:
            row = replace(step.notification, run_id=f"r{self.runs}", tries=step.notification.tries + 1, tried_at=now)
            if not dies and step.do is NotificationAction.EVENT:
                row = replace(row, tries=0, refreshed_at=now)
            self.rows[self.rows.index(step.notification)] = row
        if not dies and any(step.do is NotificationAction.DAY for step in asked):
            self.through = max(self.through, data_through(now, SETTLE))


ARRIVALS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 90), st.integers(0, 40)), min_size=1, max_size=30
)  # event, minutes after its end that it arrives, seconds that the batch's stamp is off


@given(ARRIVALS, st.booleans(), st.sets(st.integers(0, 150), max_size=20))
@settings(max_examples=150)
def test_whatever_arrives_in_whatever_order_has_one_effect_and_is_closed(
    arrivals: list[tuple[int, int, int]], hourly_is_on: bool, deaths: set[int]
) -> None:
    """Duplicates, batches out of order, late ones, runs that die: each event is refreshed at once once at most."""
    desk = InboxInMemory(hourly_is_on)
    due: dict[int, list[Waiting]] = defaultdict(list)
    for number, (event, late, off) in enumerate(arrivals):
        happened = at(14, 20) + timedelta(minutes=event, seconds=off)
        due[late].append(notification(event_id=f"e{event}", happened=happened, newest_id=number + 1))
    for minute in range(240):
        now = at(14, 24) + timedelta(minutes=minute)
        desk.rows += due.pop(minute, [])
        if hourly_is_on and now.minute == 6:
            desk.through = max(desk.through, data_through(now, SETTLE))
        desk.run(now, dies=minute in deaths)
    assert (desk.rows, desk.closed) == ([], len(arrivals))
    for effects in desk.effects.values():
        assert effects.count(NotificationAction.EVENT) <= 1
        assert effects.count(NotificationAction.DAY) <= 1
        assert not (hourly_is_on and NotificationAction.DAY in effects)


def _orders() -> Iterator[list[Waiting]]:
    batches = [notification(newest_id=n, happened=at(14, 20, n)) for n in range(1, 6)]
    yield batches
    yield batches[::-1]
    yield batches[2:] + batches[:2]


@pytest.mark.parametrize("hints", list(_orders()))
def test_the_order_of_batches_means_nothing(hints: list[Waiting]) -> None:
    """All of them are one event's refresh."""
    steps = plan(hints, state_of(at(14, 21)))
    assert {(step.do, step.days) for step in steps} == {(NotificationAction.EVENT, (TODAY,))}
