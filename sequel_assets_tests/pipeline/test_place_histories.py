"""Any order of requests, renewals, lost answers, killed processes and silence: never more under way than the limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sequel_assets.refresh.run.shared_places import SharedPlaces
from sequel_assets.sequel.transport.limiter import Limiter, Permit
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import request_places as store
from sequel_assets.warehouse.tables.request_places import request_places, request_throttle

PROCESSES = 4
INDEX = st.integers(0, PROCESSES - 1)
MEANWHILE = st.lists(st.tuples(INDEX, st.sampled_from(["ask", "ask all", "end", "renew"])), max_size=4)
Steps = list[tuple[int, str]]


class SlowWarehouse:
    """The warehouse as a process reaches it: others go on before its transaction, and before it receives the answer."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def beside(self, _seconds: float) -> SlowWarehouse:
        return self

    def change(self, work: Callable[..., Any], lock: str) -> Any:
        before, self.before = self.before, lambda: None
        after, self.after = self.after, lambda: None
        before()
        answer = self._warehouse.change(work, lock)
        after()
        return answer


@dataclass
class AskingProcess:
    """A process with its own clock, and the requests that it has under way."""

    limiter: Limiter
    warehouse: SlowWarehouse
    shared: SharedPlaces
    under_way: list[Permit] = field(default_factory=list)
    without_lease: list[Permit] = field(default_factory=list)
    """Of these, those that began without a lease, or went on when it ended."""

    def has_lease(self) -> bool:
        return self.shared._monotonic() < self.shared._until


class Processes(RuleBasedStateMachine):
    """Some processes of one warehouse."""

    def __init__(self, warehouse: Warehouse, clock: list[float]) -> None:
        super().__init__()
        self._database, self._clock = warehouse, clock
        self._limit = self._started_so_far = 0
        clock[0] = 0.0
        self._all: list[AskingProcess] = []
        with warehouse.write() as connection:
            connection.execute(request_places.delete())
            connection.execute(request_throttle.delete())

    @initialize(limit=st.integers(1, 9))
    def begin(self, limit: int) -> None:
        self._limit = limit
        self._all = [self._started(number) for number in range(PROCESSES)]

    def _started(self, number: int) -> AskingProcess:
        def monotonic() -> float:
            return self._clock[0] + 1000 * number  # since some start of its own

        limiter, warehouse = (
            Limiter(self._limit, monotonic=monotonic, sleep=lambda _: None),
            SlowWarehouse(self._database),
        )
        shared: Any = SharedPlaces(limiter, warehouse, companies=number + 1, monotonic=monotonic)  # type: ignore[arg-type]
        self._started_so_far += 1
        shared._holder = f"p{self._started_so_far}"
        limiter.share(0, float("inf"))  # as `start` does
        return AskingProcess(limiter, warehouse, shared)

    def _do(self, number: int, what: str) -> None:
        process = self._all[number]
        if what == "renew":
            process.shared.renew()
        elif what == "end":
            if process.under_way:
                permit = process.under_way.pop()
                process.limiter._release(permit)
                process.without_lease = [one for one in process.without_lease if one is not permit]
        else:
            for _ in range(self._limit if what == "ask all" else 1):
                if process.limiter._has_place():
                    process.under_way.append(process.limiter._acquire())
                    if not process.has_lease():
                        assert len(process.under_way) == 1
                        process.without_lease = process.under_way[:]

    @rule(number=INDEX, what=st.sampled_from(["ask", "ask all", "end"]))
    def go_on(self, number: int, what: str) -> None:
        self._do(number, what)

    @rule(number=INDEX, before=MEANWHILE, after=MEANWHILE, outcome=st.sampled_from(["known"] * 4 + ["refused", "lost"]))
    def renew(self, number: int, before: Steps, after: Steps, outcome: str) -> None:
        """The others do something while it renews; the transaction fails, or its answer gets lost."""

        def meanwhile(steps: Steps, *, fails: bool) -> None:
            for other, what in steps:
                if not (other == number and what == "renew"):
                    self._do(other, what)
                    self.no_more_under_way_than_the_limit()
            if fails:
                raise WarehouseError("it is away")

        warehouse = self._all[number].warehouse
        warehouse.before = lambda: meanwhile(before, fails=outcome == "refused")
        warehouse.after = lambda: meanwhile(after, fails=outcome == "lost")
        self._all[number].shared.renew()
        warehouse.before = warehouse.after = lambda: None

    @rule(seconds=st.sampled_from([0.2, 1.0, 1.0, 3.0, 24.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self._clock[0] += seconds
        for one in self._all:
            if not one.has_lease():
                one.without_lease = one.under_way[:]

    @precondition(lambda self: bool(self._all))
    @rule(number=INDEX)
    def killed_and_started_again(self, number: int) -> None:
        """What it had under way is gone with it; its lease is not."""
        self._all[number] = self._started(number)

    @rule(number=INDEX, pause_seconds=st.sampled_from([0.0, 2.0]))
    def throttled(self, number: int, pause_seconds: float) -> None:
        self._all[number].shared.report(pause_seconds, is_first=True)

    @invariant()
    def no_more_under_way_than_the_limit(self) -> None:
        """But for what a process had under way when its lease ended, and one at a time of a process without a lease."""
        assert sum(len(one.under_way) - len(one.without_lease) for one in self._all) <= self._limit

    def teardown(self) -> None:
        """When everybody has ended what they had, all places are in use again within some renewals."""
        for one in self._all:
            one.under_way.clear()
            one.limiter._under_way = 0
        self._clock[0] = self._clock[0] // 5 * 5 + 35  # all leases have ended, and a turn begins
        for _ in range(4):
            self._clock[0] += 0.2
            for one in self._all:
                one.shared.renew()
        allowed = [one.limiter._allowed() for one in self._all]
        assert not self._all or (sum(allowed) == self._limit and (min(allowed) >= 1 or self._limit < PROCESSES))


def hold(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, *, examples: int, steps: int) -> None:
    clock = [0.0]
    began = datetime(2026, 3, 3, 12, tzinfo=UTC)
    monkeypatch.setattr(store, "_now", lambda _: began + timedelta(seconds=clock[0]))
    run_state_machine_as_test(
        lambda: Processes(warehouse, clock),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_over_some_histories_no_more_is_under_way_than_the_limit(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small relative of the next."""
    hold(warehouse, monkeypatch, examples=5, steps=15)


@pytest.mark.scenario
def test_over_many_histories_no_more_is_under_way_than_the_limit(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests begin and end while a renewal is on its way there or back, others renew meanwhile, and answers get lost."""
    hold(warehouse, monkeypatch, examples=150, steps=40)
