"""The sweep and what it counts, on both databases."""

from datetime import datetime, timedelta

import pytest

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import notifications
from sequel_assets.warehouse.tables.core import event_participants, events
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.processing.sweep import Arrivals, arrivals, note_undelivered
from sequel_assets_tests.support.inboxes import deliver, notification, outcomes, rows
from sequel_assets_tests.webhooks.processing.swept import NOW, warehouse_with_events

__all__ = ["warehouse_with_events"]
HOUR = timedelta(hours=1)


def take_place(warehouse: Warehouse, event_id: str, ends_at: datetime, *, people: int = 1, **more: object) -> None:
    """Store an event of an hour at the kid, attended live."""
    values = {"event_type": "virtualStageEvent", "name": "E", "is_cancelled": False, "starts_at": ends_at - HOUR}
    with warehouse.write() as connection:
        connection.execute(
            events.insert().values(company_id="kid", event_id=event_id, ends_at=ends_at, **values | more)
        )
        attended = [("kid", ends_at.date(), event_id, f"p{n}", "virtualStageEvent", 5, 0, 5) for n in range(people)]
        bulk.insert(connection, event_participants, attended)


def sweep(warehouse: Warehouse, now: datetime = NOW) -> int:
    """Notice what is missing."""
    return note_undelivered(warehouse, now)


def arrivals_of(warehouse: Warehouse) -> Arrivals:
    """How the ends were told."""
    with warehouse.read() as connection:
        return arrivals(connection, NOW)


def test_an_end_that_nothing_tells_of_within_the_hour_is_noticed_once(warehouse_with_events: Warehouse) -> None:
    """Not one that was told, was cancelled, vanished, lies outside the week, or ended a moment ago."""
    take_place(warehouse_with_events, "silent", NOW - HOUR)
    take_place(warehouse_with_events, "told", NOW - 2 * HOUR)
    take_place(warehouse_with_events, "fresh", NOW - HOUR + timedelta(seconds=1))
    take_place(warehouse_with_events, "old", NOW - timedelta(days=8))
    take_place(warehouse_with_events, "cancelled", NOW - 2 * HOUR, is_cancelled=True)
    take_place(warehouse_with_events, "gone", NOW - 2 * HOUR, vanished_at=NOW - HOUR)
    deliver(warehouse_with_events, notification("kid", "told", NOW - 2 * HOUR))
    assert [sweep(warehouse_with_events), sweep(warehouse_with_events)] == [1, 0]
    (missed,) = [row for row in rows(warehouse_with_events) if row["verdict"] == "missed"]
    assert (missed["company_id"], missed["event_id"], missed["sent_at"]) == ("kid", "silent", NOW - HOUR)
    assert arrivals_of(warehouse_with_events) == Arrivals(1, (), (("kid", "silent"),))


def test_an_end_that_was_told_without_a_time_is_told_from_when_it_came(warehouse_with_events: Warehouse) -> None:
    """Before the event began it told of another end of it: the event was begun again, or put off."""
    for event_id, came in (("told", NOW - HOUR), ("put off", NOW - 4 * HOUR)):
        take_place(warehouse_with_events, event_id, NOW - HOUR)
        deliver(warehouse_with_events, notification("kid", event_id, came, sent_at=None))
    assert sweep(warehouse_with_events) == 1
    assert [row["event_id"] for row in rows(warehouse_with_events) if row["verdict"] == "missed"] == ["put off"]


def test_nothing_is_missed_where_nothing_is_subscribed_to(
    warehouse: Warehouse, warehouse_with_events: Warehouse
) -> None:
    """Nor what ended before the subscription was made."""
    take_place(warehouse_with_events, "silent", NOW - 2 * HOUR)
    with warehouse_with_events.write() as connection:
        connection.execute(subscriptions.update().values(created_at=NOW - HOUR))
    assert sweep(warehouse_with_events) == 0
    with warehouse_with_events.write() as connection:
        connection.execute(subscriptions.update().values(created_at=NOW - 3 * HOUR, ended_at=NOW))
    assert sweep(warehouse) == 0


def test_what_comes_late_is_late_and_what_nobody_attended_is_neither(warehouse_with_events: Warehouse) -> None:
    """The first of several deliveries counts; an event that took no place was not to be told of."""
    take_place(warehouse_with_events, "late", NOW - 3 * HOUR)
    take_place(warehouse_with_events, "empty", NOW - 3 * HOUR, people=0)
    take_place(warehouse_with_events, "twice", NOW - 3 * HOUR)
    assert sweep(warehouse_with_events) == 3
    deliver(warehouse_with_events, notification("kid", "late", NOW - 3 * HOUR, received_at=NOW))
    deliver(
        warehouse_with_events,
        notification("kid", "twice", NOW - 3 * HOUR),
        notification("kid", "twice", NOW - 3 * HOUR, received_at=NOW),
    )
    assert arrivals_of(warehouse_with_events) == Arrivals(1, (("kid", "late"),), ())


def test_groups_are_taken_up_once_and_put_back(warehouse_with_events: Warehouse) -> None:
    """Batches that stand alike are one group; whoever comes second gets nothing; what was handled may be put back."""
    batches = [notification("kid", "e1", NOW - timedelta(seconds=n), page=n) for n in range(1, 4)]
    deliver(warehouse_with_events, *batches, *batches)
    with warehouse_with_events.read() as connection:
        ((group,),) = notifications.waiting(connection, [WebhookType.ENDED])
    assert (group.count, group.happened_at) == (3, NOW - timedelta(seconds=1))
    deliver(warehouse_with_events, notification("kid", "e1", NOW, page=4))
    with warehouse_with_events.write() as connection:
        assert notifications.claim(connection, [group], run_id="r1", at=NOW) == [group]
        assert notifications.claim(connection, [group], run_id="r2", at=NOW) == []
    assert [row["run_id"] for row in rows(warehouse_with_events)] == ["r1", "r1", "r1", None]
    with warehouse_with_events.write() as connection:
        notifications.mark_refreshed(connection, "r1", "kid", ["e1"], at=NOW)
        for page in list(notifications.waiting(connection, [WebhookType.ENDED])):
            for one in page:
                notifications.close(connection, one, "done", at=NOW)
    assert outcomes(warehouse_with_events) == ["done"] * 4
    with warehouse_with_events.write() as connection:
        assert notifications.put_back(connection, NOW, None, at=NOW + HOUR) == 1
        assert notifications.put_back(connection, NOW - HOUR, "other", at=NOW + HOUR) == 0
        assert notifications.put_back(connection, NOW - HOUR, "e1", at=NOW + HOUR) == 3
    assert {(row["run_id"], row["refreshed_at"], row["replayed_at"]) for row in rows(warehouse_with_events)} == {
        (None, None, NOW + HOUR)
    }


def test_what_was_missed_or_tried_in_vain_is_put_back_and_what_has_just_come_is_left(
    warehouse_with_events: Warehouse,
) -> None:
    """As if each had just come; a hint that nobody has taken up yet is as it was."""
    deliver(
        warehouse_with_events,
        notification("kid", "e1", NOW, verdict="missed"),
        notification("kid", "e2", NOW),
        notification("kid", "e3", NOW),
    )
    with warehouse_with_events.write() as connection:
        (groups,) = notifications.waiting(connection, [WebhookType.ENDED])
        notifications.close(connection, groups[0], "done", at=NOW)
        notifications.claim(connection, groups[1:2], run_id="r1", at=NOW)
        assert notifications.put_back(connection, NOW, None, at=NOW + HOUR) == 2
    arrivals = [
        (row["handled_at"], row["run_id"], row["tries"], row["replayed_at"]) for row in rows(warehouse_with_events)
    ]
    assert arrivals == [(None, None, 0, NOW + HOUR), (None, None, 0, NOW + HOUR), (None, None, 0, None)]


def test_however_many_wait_each_is_seen_and_those_of_one_event_together(
    warehouse_with_events: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page holds two events here; those that name none come first."""
    monkeypatch.setattr(notifications, "MAX_EVENTS", 2)
    later = NOW + HOUR
    deliver(
        warehouse_with_events,
        *(notification(company, f"e{n}", NOW) for n in (3, 1, 2, 0) for company in ("kid", "root")),
    )
    deliver(warehouse_with_events, notification("kid", None, NOW), notification("kid", "e1", later))
    with warehouse_with_events.write() as connection:
        ((_, first, *_), *_) = notifications.waiting(connection, [WebhookType.ENDED])
        notifications.claim(connection, [first], run_id="r1", at=later)
    with warehouse_with_events.read() as connection:
        pages = [
            [(one.event_id, one.count) for one in page]
            for page in notifications.waiting(connection, [WebhookType.ENDED])
        ]
    assert [sorted(page, key=str) for page in pages] == [
        [("e0", 1), ("e0", 1), (None, 1)],
        [("e1", 1), ("e1", 2), ("e2", 1), ("e2", 1)],
        [("e3", 1), ("e3", 1)],
    ]


def test_an_end_that_is_told_by_the_company_above_is_told(warehouse_with_events: Warehouse) -> None:
    """Sequel may name the subscription's company: its event's id decides, and it is counted where it belongs."""
    take_place(warehouse_with_events, "told", NOW - 2 * HOUR)
    take_place(warehouse_with_events, "late", NOW - 4 * HOUR)
    deliver(warehouse_with_events, notification("root", "told", NOW - 2 * HOUR))
    assert sweep(warehouse_with_events) == 1
    deliver(warehouse_with_events, notification("root", "late", NOW - 4 * HOUR, received_at=NOW))
    assert sweep(warehouse_with_events) == 0
    assert arrivals_of(warehouse_with_events) == Arrivals(1, (("kid", "late"),), ())
    with warehouse_with_events.read() as connection:
        named = [
            notifications.notified_since(connection, company_id, [WebhookType.ENDED], NOW - 3 * HOUR)
            for company_id in ("kid", "root")
        ]
    assert named == [{"told", "late"}, set()]


def test_the_sweep_writes_only_where_something_is_missing(
    warehouse_with_events: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite who writes keeps the receivers waiting."""
    take_place(warehouse_with_events, "silent", NOW - 2 * HOUR)
    assert sweep(warehouse_with_events) == 1
    monkeypatch.setattr(Warehouse, "write", None)
    assert sweep(warehouse_with_events) == 0


def test_an_event_is_looked_up_in_the_inbox_by_an_index(warehouse_with_events: Warehouse, engine_kind: str) -> None:
    """As both databases plan it once there are many rows."""
    deliver(warehouse_with_events, *(notification("kid", f"e{n % 1000}", NOW) for n in range(5000)))
    question = "SELECT 1 FROM inbox WHERE event_id = 'e7' AND event_type = 'virtual-stage-event-ended'"
    with warehouse_with_events.write() as connection:
        connection.exec_driver_sql("ANALYZE inbox")
    with warehouse_with_events.read() as connection:
        how = "EXPLAIN QUERY PLAN" if engine_kind == "sqlite" else "EXPLAIN"
        planned = str(connection.exec_driver_sql(f"{how} {question}").all())
    assert "ix_inbox_event" in planned
