"""The guardian at work: a Sequel at the wire that fails at will, both databases, and death between any two steps."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequel_assets.sequel import Unreachable
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.subscriptions.decisions import IN_FLIGHT
from sequel_assets.webhooks.subscriptions.reconciler import ReconcilerReport, reseal
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import (
    BOTH,
    ELSEWHERE,
    ENDED,
    KEY,
    OTHER_KEY,
    STARTED,
    FragileWarehouse,
    Killed,
    ReconcilerStage,
)

DAY = timedelta(days=1)


@pytest.fixture
def desk(warehouse: Warehouse) -> ReconcilerStage:
    """A desk that nothing was done at."""
    return ReconcilerStage(warehouse)


@pytest.fixture
def settled(desk: ReconcilerStage) -> ReconcilerStage:
    """A desk with both subscriptions."""
    assert done(desk.look()) == [("create", "missing")] * 2
    desk.books.asked.clear()
    return desk


def done(report: ReconcilerReport) -> list[tuple[str, str]]:
    """What a look did and why, where nothing failed."""
    assert report.failures == []
    return [(step.do.value, step.why) for step in report.steps]


def fails(desk: ReconcilerStage, what: str, how: str, times: int = 1) -> None:
    """Let the next requests of a kind fail."""
    left = [times]

    def fault(asked: str) -> str:
        if asked != what or not left[0]:
            return ""
        left[0] -= 1
        return how

    desk.books.fault = fault


def test_what_is_missing_is_made_and_then_left_alone(desk: ReconcilerStage) -> None:
    """With an address of its own each, whose capability is kept as a hash only."""
    assert done(desk.look()) == [("create", "missing")] * 2
    assert [desk.receives(slot) for slot in BOTH] == ["accepted"] * 2
    endpoints = {entry.endpoint for entry in desk.books.entries.values()}
    assert len(endpoints) == 2
    assert all(endpoint.startswith("https://hooks.example.com/sequel/") for endpoint in endpoints)
    assert {len(endpoint.rpartition("/")[2]) for endpoint in endpoints} == {43}
    assert {row.capability_hash for row in desk.rows()} == {e.capability_hash for e in desk.books.entries.values()}
    assert {row.expires_at for row in desk.rows()} == {desk.now + 90 * DAY}
    desk.books.asked.clear()
    desk.now += DAY
    assert done(desk.look()) == []
    assert desk.books.asked == ["get", "get"]
    assert {row.checked_at for row in desk.rows()} == {desk.now}


def test_the_database_holds_no_key_and_no_capability(settled: ReconcilerStage) -> None:
    """Nor do they after a renewal."""
    assert done(settled.look(new_keys=BOTH)) == [("renew", "a new key is asked for")] * 2
    with settled.warehouse.read() as connection:
        stored = repr([tuple(row) for row in connection.execute(sa.select(subscriptions))])
    assert len(settled.books.secrets) == 6
    assert [secret for secret in settled.books.secrets if secret in stored] == []


def test_it_is_extended_when_a_third_is_left(settled: ReconcilerStage) -> None:
    """To the whole length again, and its key stays."""
    keys = {entry.secret for entry in settled.books.entries.values()}
    settled.now += 60 * DAY
    assert done(settled.look()) == []
    settled.now += DAY
    assert done(settled.look()) == [("extend", "about to lapse")] * 2
    assert {row.expires_at for row in settled.rows()} == {settled.now + 90 * DAY}
    assert {entry.secret for entry in settled.books.entries.values()} == keys
    assert done(settled.look()) == []


@pytest.mark.parametrize("how", ["400", "404"])
def test_it_is_renewed_when_extending_is_refused(settled: ReconcilerStage, how: str) -> None:
    """The old key is accepted for a day more, and then forgotten."""
    old = {entry.endpoint: entry.secret for entry in settled.books.entries.values()}
    settled.now += 61 * DAY
    fails(settled, "extend", how, times=2)
    assert done(settled.look()) == [("renew", "extending failed")] * 2
    assert [settled.receives(slot) for slot in BOTH] == ["accepted"] * 2
    for entry in settled.books.entries.values():
        entry.secret = old[entry.endpoint]  # as a delivery would carry it that was on its way
    settled.now += DAY - timedelta(seconds=1)
    assert [settled.receives(slot) for slot in BOTH] == ["accepted"] * 2
    settled.now += timedelta(seconds=1)
    assert [settled.receives(slot) for slot in BOTH] == ["refused"] * 2
    assert {row.sealed_previous_secret is None for row in settled.rows()} == {False}
    settled.look()
    assert {row.sealed_previous_secret for row in settled.rows()} == {None}


def test_an_extension_that_sequel_does_not_answer_is_tried_again_until_it_is_urgent(settled: ReconcilerStage) -> None:
    """Then it is renewed."""
    settled.now += 61 * DAY
    fails(settled, "extend", "500 not done")
    report = settled.look([STARTED], only=["acme"])
    assert [str(failure.reason)[:26] for failure in report.failures] == ["it could not be extended: "]
    settled.now += 15 * DAY
    fails(settled, "extend", "500 not done", times=2)
    assert done(settled.look([STARTED])) == [("renew", "extending failed")]


@pytest.mark.parametrize("how", ["400", "404", "500 not done", "500 done"])
def test_it_is_replaced_when_renewing_is_refused_or_in_doubt(settled: ReconcilerStage, how: str) -> None:
    """The new one first, then the old one goes; what comes meanwhile is not refused."""
    fails(settled, "renew", how, times=2)
    seen: list[str] = []
    settled.books.tick = lambda: seen.append(settled.receives(STARTED))
    report = settled.look(new_keys=BOTH)
    assert done(report) == [("create", "it cannot be renewed"), ("delete", "it cannot be renewed")] * 2
    assert set(seen) <= ({"accepted", "in doubt"} if how == "500 done" else {"accepted"})
    assert [what for what in settled.books.asked if what in ("create", "delete")] == ["create", "delete"] * 2
    assert [(settled.receives(slot), settled.valid(slot)) for slot in BOTH] == [("accepted", 1)] * 2


def test_it_is_made_anew_when_sequel_does_not_know_it(settled: ReconcilerStage) -> None:
    """As after somebody has deleted it there."""
    settled.books.entries.clear()
    steps = [("create", "Sequel does not know it any more"), ("delete", "Sequel does not know it any more")] * 2
    assert done(settled.look()) == steps
    assert [(settled.receives(slot), settled.valid(slot)) for slot in BOTH] == [("accepted", 1)] * 2


def test_it_is_made_anew_after_it_has_lapsed(settled: ReconcilerStage) -> None:
    """When nobody looked for a quarter of a year."""
    settled.now += 91 * DAY
    assert [what for what, _ in done(settled.look())] == ["create", "delete"] * 2
    assert [(settled.receives(slot), settled.valid(slot)) for slot in BOTH] == [("accepted", 1)] * 2


def test_another_public_address_brings_new_subscriptions(settled: ReconcilerStage) -> None:
    """The old ones go once the new ones stand."""
    settled.base_url = ELSEWHERE
    assert done(settled.look()) == [("create", "it delivers elsewhere"), ("delete", "it delivers elsewhere")] * 2
    assert all(entry.endpoint.startswith(ELSEWHERE) for entry in settled.books.entries.values())
    assert done(settled.look()) == []


@pytest.mark.parametrize("change", ["{}/", "HTTPS://hooks.example.com:443/sequel/{}"])
def test_another_spelling_of_the_address_is_no_other_address(settled: ReconcilerStage, change: str) -> None:
    """Sequel may keep it as it likes."""
    for entry in settled.books.entries.values():
        base, _, capability = entry.endpoint.rpartition("/")
        entry.endpoint = change.format(entry.endpoint if change == "{}/" else capability)
        assert base == settled.base_url
    assert done(settled.look()) == []


def test_an_unreadable_key_is_renewed(settled: ReconcilerStage) -> None:
    """Once the setting has another key, and the old one is not there any more."""
    settled.keys = (OTHER_KEY,)
    assert done(settled.look()) == [("renew", "its key cannot be unsealed")] * 2
    assert [settled.receives(slot) for slot in BOTH] == ["accepted"] * 2
    assert {row.sealed_previous_secret for row in settled.rows()} == {None}


def test_keys_are_sealed_anew_with_the_first_key_of_the_setting(settled: ReconcilerStage) -> None:
    """The key before, too; what none opens is told and left alone."""
    assert len(done(settled.look(new_keys=[STARTED]))) == 1
    settled.keys = (OTHER_KEY, KEY)
    assert reseal(settled.warehouse, Seal(settled.keys)) == (3, 0)
    settled.keys = (OTHER_KEY,)
    assert done(settled.look()) == []
    assert [settled.receives(slot) for slot in BOTH] == ["accepted"] * 2
    before = settled.rows()
    assert reseal(settled.warehouse, Seal([KEY])) == (0, 3)
    assert settled.rows() == before


def test_a_look_that_is_only_to_tell_changes_nothing(settled: ReconcilerStage) -> None:
    """Neither here nor at Sequel; it says what it would do."""
    settled.books.entries.pop("id-1")
    before = settled.rows()
    settled.now += 61 * DAY
    told = [
        ("create", "Sequel does not know it any more"),
        ("delete", "Sequel does not know it any more"),
        ("extend", "about to lapse"),
    ]
    assert done(settled.look(is_dry=True)) == told
    assert settled.rows() == before
    assert set(settled.books.asked) == {"get"}


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
    assert [failure.slot for failure in report.failures] == BOTH
    assert all(failure.reason.startswith("it could not be made: ") for failure in report.failures)
    with desk.warehouse.read() as connection:
        assert connection.execute(sa.select(subscriptions)).all() == []


@pytest.mark.parametrize("how", ["500 done", "500 not done"])
def test_a_creation_in_doubt_is_waited_for_and_then_made_again(desk: ReconcilerStage, how: str) -> None:
    """Deliveries that come by it meanwhile are in doubt; afterwards they are refused."""
    fails(desk, "create", how)
    report = desk.look([STARTED])
    assert [failure.slot for failure in report.failures] == [STARTED]
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
    assert [failure.slot for failure in report.failures] == [None]
    assert desk.rows() == []


def test_two_guardians_make_nothing_twice(desk: ReconcilerStage) -> None:
    """Whoever comes second finds the mark of the first, and leaves it alone."""
    others: list[ReconcilerReport] = []

    def another() -> None:
        desk.books.tick = lambda: None
        others.append(desk.look())

    desk.books.tick = another  # in the midst of the first creation
    assert [what for what, _ in done(desk.look([STARTED]))] == ["create"]
    assert [step.slot for step in others[0].steps] == [ENDED]
    assert [(desk.receives(slot), desk.valid(slot)) for slot in BOTH] == [("accepted", 1)] * 2


def test_a_guardian_that_comes_upon_another_gives_way(settled: ReconcilerStage) -> None:
    """It had looked before the other was done, and what it saw is not so any more."""
    gone = settled.books.entries.pop("id-1")
    others: list[ReconcilerReport] = []

    def another() -> None:
        settled.books.tick = lambda: None
        others.append(settled.look([STARTED]))

    settled.books.tick = another  # while the first asks for what is gone
    report = settled.look([STARTED])
    assert [step.do.value for step in others[0].steps if step.slot == STARTED] == ["create", "delete"]
    assert [(failure.slot, failure.reason[:26]) for failure in report.failures] == [
        (STARTED, "another process is at it; ")
    ]
    assert (settled.receives(STARTED), settled.valid(STARTED)) == ("accepted", 1)
    assert gone.event_type == STARTED.event_type


def test_a_guardian_that_was_given_up_takes_back_what_it_made(desk: ReconcilerStage) -> None:
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


# ------------------------------------------------------------------ anything may go wrong, anywhere


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
        for slot in BOTH:
            fate = self.desk.receives(slot)
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
    max_size=30,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
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
