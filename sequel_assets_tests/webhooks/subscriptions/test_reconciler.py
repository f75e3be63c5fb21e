"""The reconciler at work: a Sequel at the wire that fails at will, both databases, and death between any two steps."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.subscriptions.reconciler import reseal
from sequel_assets_tests.webhooks.subscriptions.desks import DAY, desk, done, fails, settled
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import (
    BOTH,
    ELSEWHERE,
    KEY,
    OTHER_KEY,
    STARTED,
    ReconcilerStage,
)

__all__ = ["desk", "settled"]


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
    assert done(settled.look(new_keys=BOTH)) == [("renew", "a new key is requested")] * 2
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
