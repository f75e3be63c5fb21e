"""How subscriptions stand, and which companies' webhooks prove not to come, from the tables alone."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import inbox as inbox_store
from sequel_assets.warehouse.stores.inbox import Notification
from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.stores.subscriptions import StoredSubscription
from sequel_assets.warehouse.tables.core import companies, event_participants, events
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.subscriptions.decisions import IN_FLIGHT, DesiredSubscription
from sequel_assets.webhooks.subscriptions.status import SubscriptionStatus, read_states, undelivered_companies
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import KEY
from sequel_assets_tests.webhooks.subscriptions.test_decisions import LENGTH, NOW, SLOT, row

SEAL = Seal([KEY])
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def well(name: str = "a", days_left: float = 80, **changes: object) -> StoredSubscription:
    """A subscription that was just looked at and whose key can be read."""
    return replace(row(name, days_left), **{"checked_at": NOW, "sealed_secret": SEAL.seal("key"), **changes})  # type: ignore[arg-type]


def store(warehouse: Warehouse, *rows: StoredSubscription) -> None:
    """Put rows into the table."""
    with warehouse.write() as connection:
        connection.execute(subscriptions.insert(), [asdict(one) for one in rows])


def deliver(
    warehouse: Warehouse, company_id: str, at: datetime, capability_hash: str = "a", event_id: str | None = None
) -> None:
    """Put a delivery into the inbox."""
    what = f"{company_id} {at}"
    hint = Notification(
        company_id,
        at,
        capability_hash,
        None,
        what,
        None,
        None,
        SLOT.event_type,
        event_id,
        at,
        None,
        None,
        "",
        "accepted",
    )
    with warehouse.write() as connection:
        inbox_store.store(connection, [hint])


def states(warehouse: Warehouse, *wanted: DesiredSubscription) -> list[SubscriptionStatus]:
    """The states, with one slot wanted unless told."""
    with warehouse.read() as connection:
        return read_states(connection, wanted or [SLOT], SEAL, NOW, LENGTH)


CASES = {
    "valid": (well(), "valid", False),
    "due": (well(days_left=29), "valid; about to be extended", False),
    "urgent": (well(days_left=14), "about to lapse", True),
    "lapsed": (well(days_left=0), "lapsed", True),
    "unreadable": (well(sealed_secret=Seal(["A" * 43 + "="]).seal("key")), "its key cannot be unsealed", True),
    "not looked at": (well(checked_at=NOW - 25 * HOUR), "not looked at for more than a day", True),
    "being renewed": (well(rotating_since=NOW), "being renewed", False),
    "in doubt": (well(rotating_since=NOW - IN_FLIGHT), "its key is in doubt", True),
    "being made": (well(subscription_id=None, created_at=NOW), "being made", False),
    "never answered": (well(subscription_id=None), "its creation was never answered", True),
}


@pytest.mark.parametrize("case", CASES)
def test_each_state_in_words(warehouse: Warehouse, case: str) -> None:
    """And whether something is wrong with it."""
    stored, words, is_wrong = CASES[case]
    store(warehouse, stored)
    assert states(warehouse) == [SubscriptionStatus(SLOT, words, is_wrong, stored)]


def test_what_is_missing_replaced_or_not_wanted(warehouse: Warehouse) -> None:
    """The best one counts; what has ended does not."""
    old, new, other = well("a", 10), well("b"), replace(well("c"), company_id="bolt")
    store(warehouse, old, new, other, well("d", ended_at=NOW))
    missing = DesiredSubscription("acme", "another")
    assert states(warehouse, SLOT, missing) == [
        SubscriptionStatus(SLOT, "valid", False, new),
        SubscriptionStatus(SLOT, "replaced; deleted by the next reconciliation", False, old),
        SubscriptionStatus(missing, "missing", True),
        SubscriptionStatus(DesiredSubscription("bolt", SLOT.event_type), "not wanted by the settings", False, other),
    ]


def test_deliveries_are_counted_for_seven_days(warehouse: Warehouse) -> None:
    """The last one is told whenever it was."""
    store(warehouse, well())
    for at in (NOW - 8 * DAY, NOW - 7 * DAY, NOW - HOUR):
        deliver(warehouse, "acme", at)
    (state,) = states(warehouse)
    assert (state.last_delivery, state.deliveries) == (NOW - HOUR, 2)


def world(warehouse: Warehouse, ended: datetime, live_minutes: int = 5) -> None:
    """A root (acme) with a child that had an event."""
    company = {"depth": 1, "first_seen_at": NOW, "last_seen_at": NOW}
    event = {"event_id": "e", "event_type": "virtualStageEvent", "name": "E", "is_cancelled": False}
    minutes = {"live_minutes": live_minutes, "on_demand_minutes": 3, "engaged_minutes": 3 + live_minutes}
    with warehouse.write() as connection:
        for name in ("acme", "child"):
            connection.execute(companies.insert().values(company_id=name, partition_key=name, name=name, **company))
        connection.execute(events.insert().values(company_id="child", ends_at=ended, **event))
        key = {"company_id": "child", "day": ended.date(), "event_id": "e", "person_id": "p"}
        connection.execute(event_participants.insert().values(**key, event_type="virtualStageEvent", **minutes))


@pytest.mark.parametrize(
    ("ended", "live_minutes", "heard_of", "silent"),
    [
        pytest.param(NOW - 2 * HOUR, 5, ["acme"], ["child"], id="others' come, the child's do not"),
        pytest.param(NOW - 2 * HOUR, 5, [], [], id="nobody's come"),
        pytest.param(NOW - 2 * HOUR, 5, ["acme", "child"], [], id="the child's come"),
        pytest.param(NOW - 2 * HOUR, 5, ["acme e"], [], id="the child's come as the root's"),
        pytest.param(NOW - 2 * HOUR, 0, ["acme"], [], id="nobody was there live"),
        pytest.param(NOW - HOUR / 2, 5, ["acme"], [], id="it may still come"),
        pytest.param(NOW - 8 * DAY, 5, ["acme"], [], id="long ago"),
    ],
)
def test_a_company_whose_webhooks_do_not_come_is_told(
    warehouse: Warehouse, ended: datetime, live_minutes: int, heard_of: list[str], silent: list[str]
) -> None:
    """Where the root's subscription stood when the event ended, and the company has none of its own."""
    store(warehouse, well())
    world(warehouse, ended, live_minutes)
    for told in heard_of:
        company_id, *event = told.split()
        deliver(warehouse, company_id, NOW - HOUR, event_id=event[0] if event else None)
    found = states(warehouse)
    with warehouse.read() as connection:
        assert undelivered_companies(connection, found, "acme", NOW) == silent
        assert (
            undelivered_companies(
                connection, [*found, SubscriptionStatus(DesiredSubscription("child", "x"), "", False)], "acme", NOW
            )
            == []
        )
        late = [replace(found[0], row=well(created_at=NOW))]
        assert undelivered_companies(connection, late, "acme", NOW) == []
