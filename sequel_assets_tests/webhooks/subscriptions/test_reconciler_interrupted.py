"""Killed at any step, or with any request failing, it ends with one subscription of each and never with none."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequel_assets.webhooks.subscriptions.decisions import IN_FLIGHT
from sequel_assets_tests.support.suite.scale import scaled
from sequel_assets_tests.webhooks.subscriptions.desks import DAY, desk, done, fails
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import (
    BOTH,
    ELSEWHERE,
    FragileWarehouse,
    Killed,
    ReconcilerStage,
)

__all__ = ["desk"]


@pytest.fixture(scope="module")
def empty(template: Callable[[str], str]) -> Iterator[Path]:
    """A folder with an empty database to copy."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(template("sqlite"), Path(folder) / "empty.db")
        yield Path(folder)


@contextmanager
def fragile(empty: Path) -> Iterator[tuple[ReconcilerStage, FragileWarehouse]]:
    """A desk on a fresh database, whose process can be killed."""
    shutil.copyfile(empty / "empty.db", empty / "copy.db")
    for rest in ("copy.db-wal", "copy.db-shm"):
        (empty / rest).unlink(missing_ok=True)
    warehouse = FragileWarehouse(f"sqlite:///{empty / 'copy.db'}")
    try:
        yield ReconcilerStage(warehouse), warehouse
    finally:
        warehouse.dispose()


class Watch:
    """Once a delivery would have been accepted, one would be accepted, or be in doubt, at every moment."""

    def __init__(self, desk: ReconcilerStage) -> None:
        self.desk = desk
        self.once = dict.fromkeys(BOTH, False)

    def __call__(self) -> None:
        rows = self.desk.rows()
        for slot in BOTH:
            fate = self.desk.receives(slot, rows)
            assert fate != "refused" or not self.once[slot], f"nobody receives {slot}"
            self.once[slot] = self.once[slot] or fate == "accepted"

    def ends_well(self) -> None:
        """Left to itself, it ends with one of each, and with nothing to do."""
        for _ in range(3):
            self.desk.now += IN_FLIGHT
            report = self.desk.look()
            self()
        assert done(report) == []
        assert [(self.desk.receives(slot), self.desk.valid(slot)) for slot in BOTH] == [("accepted", 1)] * 2
        assert len(self.desk.rows()) == 2


def _due(desk: ReconcilerStage) -> None:
    desk.now += 61 * DAY


def _refuses_more(desk: ReconcilerStage) -> None:
    desk.now += 61 * DAY
    fails(desk, "extend", "400", times=99)


def _elsewhere(desk: ReconcilerStage) -> None:
    desk.base_url = ELSEWHERE


SCENES: dict[str, tuple[Callable[[ReconcilerStage], None], dict[str, Any], int]] = {
    "made": (lambda desk: None, {}, 8),
    "extended": (_due, {}, 8),
    "renewed": (_refuses_more, {}, 10),
    "given new keys": (lambda desk: None, {"new_keys": BOTH}, 8),
    "moved": (_elsewhere, {}, 12),
}


@pytest.mark.parametrize("scene", SCENES)
def test_it_may_be_killed_at_any_step(empty: Path, scene: str) -> None:
    """Before and after each commit and each request: the next looks go on from there, and nothing is missed."""
    prepare, how, least = SCENES[scene]
    for number in itertools.count(1):
        with fragile(empty) as (desk, warehouse):
            watch, left = Watch(desk), [number]
            if scene != "made":
                desk.look()
            watch()
            prepare(desk)

            def tick(left: list[int] = left) -> None:
                left[0] -= 1
                if not left[0]:
                    raise Killed

            warehouse.tick = desk.books.tick = tick
            with suppress(Killed):
                desk.look(**how)
            warehouse.tick = desk.books.tick = lambda: None
            watch.ends_well()
            if left[0] > 0:
                break
    assert number > least


DELIVERY_FAULTS = st.sampled_from(["kill", "other", "400", "404", "429", "500 done", "500 not done", "no connection"])
LOOKS = st.lists(
    st.tuples(
        st.sampled_from([timedelta(minutes=5), timedelta(hours=1), DAY, 4 * DAY]),
        st.booleans(),
        st.dictionaries(st.integers(1, 14), DELIVERY_FAULTS, max_size=2),
    ),
    min_size=1,
    max_size=scaled(12, 30),
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(looks=LOOKS)
def test_whatever_fails_it_ends_with_one_of_each_and_never_with_none(empty: Path, looks: list[Any]) -> None:
    """Sequel fails, processes are killed before and after each commit and request, and others look in between."""
    with fragile(empty) as (desk, warehouse):
        watch, number, script = Watch(desk), 0, {}

        def tick_of_a_commit() -> None:
            nonlocal number
            number += 1
            if script.get(number) == "kill":
                raise Killed

        def tick_of_a_request() -> None:
            nonlocal number
            watch()
            number += 1
            match script.get(number, ""):
                case "kill":
                    raise Killed
                case "other":
                    del script[number]
                    desk.look()

        warehouse.tick, desk.books.tick = tick_of_a_commit, tick_of_a_request
        desk.books.fault = lambda _: script.pop(number, "")
        for pause, has_new_keys, faults in looks:
            desk.now += pause
            watch()
            number, script = 0, dict(faults)
            with suppress(Killed):
                desk.look(new_keys=BOTH if has_new_keys else [])
            watch()
        script = {}
        watch.ends_well()
