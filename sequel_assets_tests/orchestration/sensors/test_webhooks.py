"""What happens after a delivery: the real sensors on an instance, their runs, and the tables, on a clock that is moved."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.cli.commands.serve import receiver_of
from sequel_assets.orchestration.sensors.webhook_job import webhooks_job
from sequel_assets.refresh.core import config
from sequel_assets.sandbox import Attendance, Company, DeliveryFaults, Event, Person, World
from sequel_assets.sandbox.webhooks.dispatcher import Webhooks
from sequel_assets.warehouse.tables.core import event_participants, refreshes
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.subscriptions import reconciler
from sequel_assets_tests.orchestration.sensors.afternoon import TODAY, stage, staged
from sequel_assets_tests.orchestration.sensors.webhook_stage import WebhookStage
from sequel_assets_tests.support.inboxes import deliver, notification, outcomes, rows
from sequel_assets_tests.support.small_world import ROOT, at
from sequel_assets_tests.support.suite.scale import scaled
from sequel_assets_tests.webhooks.receiver.harness import SEAL_KEY, serving

pytestmark = pytest.mark.slow

__all__ = ["stage"]


def through(stage: WebhookStage) -> object:
    """Return how far Bolt's participants of today go."""
    r = refreshes.c
    query = sa.select(r.data_through).where(
        r.company_id == "bolt", r.dataset == event_participants.name, r.day == TODAY
    )
    with stage.stage.warehouse.read() as connection:
        return connection.scalar(query)


def described(stage: WebhookStage) -> dict[str, str]:
    """Return what people read of the latest run in Dagster's list, but which notification it was requested for."""
    run = stage.stage.instance.get_run_by_id(stage.runs[-1].run_id)
    assert run is not None
    return {
        name: value
        for name, value in run.tags.items()
        if name in {"companies", "days", "requests", "why", "sequel_assets/webhook"}
    }


@pytest.mark.usefixtures("engine_kind")
def test_an_event_that_ends_at_1420_is_refreshed_at_once_and_closed_by_the_hourly_run(stage: WebhookStage) -> None:
    """One run at once, which asks for the one event and moves no data-through; none when the hour is over."""
    stage.stage.sandbox.world.restate("e-talk", minutes=-25)  # Sequel has computed anew meanwhile
    deliver(stage.stage.warehouse, notification("bolt", "e-talk", stage.now))
    before = stage.stage.sandbox.requests.count
    assert stage.ask() == ""
    assert [run.success for run in stage.runs] == [True]
    assert described(stage) == {
        "sequel_assets/webhook": "ended",
        "companies": stage.stage.key("bolt"),
        "days": str(TODAY),
        "requests": "what webhooks name",
        "why": "webhook ended",
    }
    assert stage.stage.sandbox.requests.count - before < 12
    stage.assert_true(TODAY)
    assert through(stage) == at(3, 14)
    materialized = stage.stage.latest("event_participants", "bolt", TODAY)
    assert (materialized["status"], materialized["engaged_minutes"]) == ("refreshed", 15 + 5 + 20)
    assert stage.stage.latest("daily_usage", "bolt", TODAY)["engaged_minutes"] == 40
    for _ in range(3):
        stage.later(minutes=10)
        assert stage.ask() == "1 wait: the hourly refresh closes it; else it is requested at 15:15"
    stage.at(at(3, 15, 5))
    stage.hourly()
    assert stage.ask() == "nothing waits in the inbox"
    assert outcomes(stage.stage.warehouse) == ["the refresh through 2026-03-03 15:00 covers it"]
    assert len(stage.runs) == 1
    stage.assert_true(TODAY)


@pytest.mark.scenario
@pytest.mark.usefixtures("engine_kind")
def test_with_the_schedule_off_the_sensor_asks_at_1515_once(stage: WebhookStage) -> None:
    """For the company's day, so that its data-through covers the end."""
    deliver(stage.stage.warehouse, notification("bolt", "e-talk", stage.now))
    assert stage.ask() == ""
    stage.at(at(3, 15, 14))
    assert stage.ask().startswith("1 wait: the hourly refresh closes it")
    stage.at(at(3, 15, 15))
    assert stage.ask() == ""
    assert [run.success for run in stage.runs] == [True, True]
    assert outcomes(stage.stage.warehouse) == ["the refresh through 2026-03-03 15:00 covers it"]
    assert through(stage) == at(3, 15)
    for _ in range(3):
        stage.later(minutes=10)
        assert stage.ask() == "nothing waits in the inbox"
    stage.at(at(3, 15, 59))
    stage.assert_true(TODAY)


@pytest.mark.scenario
def test_the_sweep_deletes_what_was_handled_long_ago_and_nothing_that_waits(stage: WebhookStage) -> None:
    """Ninety days after the hints were handled, and never the newest row, so that no id comes twice."""
    warehouse = stage.stage.warehouse
    deliver(warehouse, *(notification("bolt", None, stage.now) for _ in range(3)))
    assert stage.ask() == "nothing waits in the inbox"  # they name no event
    assert outcomes(warehouse) == ["it names no event"] * 3
    stage.later(days=89)
    stage.ask()
    assert len(rows(warehouse)) == 3
    stage.later(days=2)
    stage.ask()
    assert outcomes(warehouse) == ["it names no event"]


@pytest.mark.scenario
def test_a_tick_that_is_repeated_after_a_crash_asks_for_the_same_run(stage: WebhookStage) -> None:
    """Whatever has arrived meanwhile; and a run that is under way is waited for."""
    deliver(stage.stage.warehouse, notification("bolt", "e-talk", stage.now))
    (first,) = stage.look(keeps_cursor=False).run_requests
    deliver(stage.stage.warehouse, notification("bolt", "e-talk", stage.now))
    (again,) = stage.look().run_requests
    assert (again.run_key, again.tags) == (first.run_key, first.tags)
    waiting = stage.stage.instance.create_run_for_job(
        webhooks_job(), tags=first.tags, status=dg.DagsterRunStatus.NOT_STARTED
    )
    assert stage.ask() == f"run {waiting.run_id} is about to take them up"
    stage.stage.instance.report_run_failed(waiting)
    (third,) = stage.look().run_requests
    assert third.run_key != first.run_key


def test_a_run_that_fails_leaves_its_hints_and_is_asked_for_again_with_back_off(stage: WebhookStage) -> None:
    """After a minute, five, a quarter of an hour; then it is said that nobody asks any more."""
    deliver(stage.stage.warehouse, notification("bolt", "e-talk", stage.now))
    stage.stage.sandbox.faults.always("*", "http_503")
    stage.patch.setenv("SEQUEL_RETRY_BUDGET_SECONDS", "0")
    assert stage.ask() == ""
    assert [run.success for run in stage.runs] == [False]
    assert "had no result; next try at 14:21:00" in stage.ask()
    stage.later(minutes=1)
    assert stage.ask() == ""
    stage.later(minutes=4, seconds=59)
    assert "next try at 14:26:00" in stage.ask()
    stage.stage.sandbox.faults.clear()
    stage.later(seconds=1)
    assert stage.ask() == ""
    assert [run.success for run in stage.runs] == [False, False, True]
    assert rows(stage.stage.warehouse)[0]["refreshed_at"] == stage.now


@pytest.mark.scenario
def test_registrations_outlive_an_outage_of_hours(stage: WebhookStage) -> None:
    """Eighty-one minutes of 503: the hint is asked for once an hour from then on, and those of other events at once."""
    sandbox = stage.stage.sandbox
    deliver(stage.stage.warehouse, notification("bolt", "e-talk", stage.now, WebhookType.REGISTERED))
    sandbox.faults.always("*", "http_503")
    stage.patch.setenv("SEQUEL_RETRY_BUDGET_SECONDS", "0")
    for minutes in (0, 1, 5, 15, 60):
        stage.later(minutes=minutes)
        assert stage.ask("registered") == ""
    assert [run.success for run in stage.runs] == [False] * 5
    sandbox.faults.clear()
    stage.later(minutes=1)
    deliver(stage.stage.warehouse, notification("bolt", "e-day", stage.now, WebhookType.REGISTERED))
    assert stage.ask("registered") == ""
    assert outcomes(stage.stage.warehouse) == [None, "its event's registrants were fetched"]
    stage.later(minutes=59)
    assert stage.ask("registered") == ""
    assert outcomes(stage.stage.warehouse) == ["its event's registrants were fetched"] * 2


@pytest.mark.scenario
def test_people_in_two_hundred_batches_are_one_effect(stage: WebhookStage) -> None:
    """Out of order, some twice, one never, some while the run is under way and some after it."""
    batches = [
        notification("bolt", "e-talk", stage.now, page=page, pages=200, correlation_id="c") for page in range(200)
    ]
    deliver(stage.stage.warehouse, *reversed(batches[::2]), *batches[:40])
    assert stage.ask() == ""
    stage.later(seconds=20)
    deliver(stage.stage.warehouse, *batches[1:120:2])
    assert stage.ask() == "160 wait: the hourly refresh closes it; else it is requested at 15:15"
    stage.at(at(3, 15, 5))
    stage.hourly()
    deliver(stage.stage.warehouse, *batches[1:199])
    assert stage.ask() == "nothing waits in the inbox"
    assert len(stage.runs) == 1
    assert len(rows(stage.stage.warehouse)) == 199
    stage.at(at(3, 15, 6))
    stage.assert_true(TODAY)
    assert timedelta(0) < stage.now - at(3, 14, 20)


@pytest.mark.scenario
def test_many_people_delivered_by_the_sandbox_to_a_receiver_are_one_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of ten over sockets, half of them late, a fifth twice, one never: one run, and the tables are true."""
    batches = scaled(40, 200)
    people = [Person(f"Person {n}", f"person{n}@example.org") for n in range(10 * batches)]
    crowd = [Attendance(person, live=[(at(3, 14, 10), 1 + n % 20)]) for n, person in enumerate(people)]
    event = Event("e-big", "bolt", "Big", at(3, 14, 10), at(3, 14, 30), attendance=crowd)
    world = World([Company(ROOT, "Root"), Company("bolt", "Bolt", ROOT)], [event], now=at(3, 14, 7))
    with staged(tmp_path, monkeypatch, world) as stage, receiving(stage, monkeypatch) as sent:
        sent.batches = 10
        sent.faults = DeliveryFaults({"reorder": 0.5, "duplicate": 0.2, "lost_batch": 1.0}, seed=1)
        for minute in (30, 31, 32, 33):
            stage.at(at(3, 14, minute))
            sent.wait_until_sent()
            stage.ask()
        told = [one for one in sent.deliveries if one.event_type == WebhookType.ENDED]
        assert [one.state for one in told].count("accepted") == batches - 1
        assert [one.state for one in told].count("dropped") == 1
        assert len([one for one in told if one.attempts == 2]) > batches // 10
        kept = [row["page"] for row in rows(stage.stage.warehouse) if row["event_type"] == WebhookType.ENDED]
        assert sorted(kept) == sorted(one.page for one in told if one.state == "accepted")
        assert kept != sorted(kept)
        assert [run.success for run in stage.runs] == [True]
        stage.at(at(3, 15, 5))
        stage.hourly()
        assert stage.ask() == "nothing waits in the inbox"
        assert len(stage.runs) == 1
        stage.assert_true(TODAY)


@contextmanager
def receiving(stage: WebhookStage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhooks]:
    """A receiver that serves, subscribed to at the sandbox, whose deliveries are yielded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("SEQUEL_WEBHOOK_URL", f"http://127.0.0.1:{port}/sequel")
    monkeypatch.setenv("SEQUEL_WEBHOOK_SECRET_KEY", SEAL_KEY)
    known, warehouse = settings.load(), stage.stage.warehouse
    receiver = receiver_of(known, warehouse)
    receiver._clock = stage.stage.sandbox.clock.now
    with serving(receiver, "/sequel", port), closing(config.open_client(known)) as client:
        with warehouse.read() as connection:
            wanted = reconciler.desired_by_settings(known, connection)
        assert not reconciler.reconcile(reconciler.context_of(known, client, warehouse), wanted).failures
        yield stage.stage.sandbox.webhooks
