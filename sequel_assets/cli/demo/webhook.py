"""The demo's webhook: an event ends, the sandbox notifies the receiver, the sensor requests a run, and rows change."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial

import dagster as dg
import sqlalchemy as sa
from cryptography.fernet import Fernet

from sequel_assets import settings as settings_module
from sequel_assets.cli.backfill.company_run import QUIET
from sequel_assets.cli.support.dagster_home import command_tags, dagster_instance
from sequel_assets.cli.support.dagster_services import answers_in_time
from sequel_assets.cli.support.signals import signals_deferred
from sequel_assets.cli.support.terminal import UsageError, console, table
from sequel_assets.orchestration.namespace import ALONE
from sequel_assets.orchestration.reporting.provenance import materialization_of_list
from sequel_assets.orchestration.resources import Platform
from sequel_assets.orchestration.sensors.webhook_job import webhooks_job
from sequel_assets.orchestration.sensors.webhooks import webhook_sensors
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.sandbox import Attendance, Event, Person, Sandbox, World
from sequel_assets.settings import Settings
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets.warehouse.tables.webhooks import inbox
from sequel_assets.webhooks.subscriptions import reconciler

EVENT, NAME = "demo-live", "Live right now"
VIEWERS, SECONDS = 5, 30


def add_live_event(world: World, now: datetime) -> None:
    """Add an event that is under way, with people who have watched until the last full hour."""
    top = now.replace(minute=0, second=0, microsecond=0)
    watched = [
        Attendance(Person(f"Viewer {n}", f"viewer{n}@example.org"), live=[(top - timedelta(minutes=10 + n), 3 + n)])
        for n in range(VIEWERS)
    ]
    company = world.companies[min(1, len(world.companies) - 1)].id  # the last company may have people in hubs only
    ends_at = now + timedelta(hours=1)
    world.add_event(Event(EVENT, company, NAME, top - timedelta(minutes=20), ends_at, attendance=watched))


@contextmanager
def receiving(port: int) -> Iterator[None]:
    """Serve the receiver in its own process until the end, and subscribe at the sandbox as the reconciler does."""
    os.environ["SEQUEL_WEBHOOK_URL"] = f"http://127.0.0.1:{port}/sequel"
    os.environ["SEQUEL_WEBHOOK_SECRET_KEY"] = Fernet.generate_key().decode()
    command = [sys.executable, "-m", "sequel_assets.cli", "serve", "receiver", "--port", str(port)]
    process = None
    try:
        with open("receiver.log", "wb") as log, signals_deferred():
            process = subprocess.Popen(  # noqa: S603 - no argument comes from outside
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        if not answers_in_time(process, f"http://127.0.0.1:{port}/health/ready", SECONDS):
            raise UsageError("the receiver of webhooks did not start; its log is .sequel/demo/receiver.log")
        settings = settings_module.load()
        with stored(settings, writes=True) as warehouse, closing(config.open_client(settings)) as client:
            wanted = warehouse.ask(partial(reconciler.desired_by_settings, settings))
            report = reconciler.reconcile(reconciler.context_of(settings, client, warehouse), wanted)
        looked = materialization_of_list(
            SUBSCRIPTIONS.name, description="by sequel-assets demo", metadata={"dagster/row_count": len(wanted)}
        )
        with dagster_instance() as instance:
            instance.report_runless_asset_event(ALONE.event(looked))
        console().print(
            f"The receiver listens on port {port}; {len(report.steps)} webhooks are subscribed to at the sandbox."
        )
        yield
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def show_webhook(sandbox: Sandbox) -> bool:
    """Let the event end, and print its delivery, the run that follows, and the rows that change."""
    settings = settings_module.load()
    before = _minutes_by_person(settings)
    sandbox.world.restate(EVENT, minutes=4)  # Sequel recomputes the minutes when a host ends the event
    began = time.monotonic()
    sandbox.end_event(EVENT)
    sandbox.webhooks.wait_until_sent(SECONDS)
    run_id, is_good = _run_sensor(settings)
    seconds = time.monotonic() - began
    after = _minutes_by_person(settings)
    delivered = _notifications(settings)
    table(
        f"A webhook: “{NAME}” has ended",
        ("received", "type", "event", "batch", "verdict", "run", "state"),
        delivered,
    )
    rows = [(person[:12], before.get(person, 0), minutes) for person, minutes in sorted(after.items())]
    table(
        f"event_participants of “{NAME}”, {seconds:.1f} s after its end (run {run_id[:8]})",
        ("person", "engaged_minutes before", "engaged_minutes after"),
        rows,
        (f"{len(rows)} people", sum(before.values()), sum(after.values())),
    )
    is_yesterdays = not (before or after) and sandbox.clock.now().hour == 0
    if is_yesterdays:
        console().print("Its minutes were before midnight, on a day that this demo does not hold: no row changes.")
    return is_good and bool(delivered) and (before != after or is_yesterdays)


def _run_sensor(settings: Settings) -> tuple[str, bool]:
    """Evaluate the sensor of ended events and execute the run that it requests, as Dagster's daemon does."""
    (sensor,) = [one for one in webhook_sensors(settings) if one.name == "webhook_ended"]
    with dagster_instance() as instance, dg.build_sensor_context(instance=instance) as context:
        requests = sensor.evaluate_tick(context).run_requests or []
        for request in requests:
            result = webhooks_job().execute_in_process(
                instance=instance,
                tags={**request.tags, **command_tags()},
                run_config=QUIET,
                resources={ALONE.platform: Platform()},
                raise_on_error=False,
            )
            return result.run_id, result.success
    return "", False


def _minutes_by_person(settings: Settings) -> dict[str, int]:
    """Return the engaged minutes of each person in the event."""
    p = event_participants.c
    query = sa.select(p.person_id, sa.func.sum(p.engaged_minutes)).where(p.event_id == EVENT).group_by(p.person_id)
    with stored(settings) as warehouse, warehouse.read() as connection:
        return {person_id: int(minutes) for person_id, minutes in connection.execute(query)}


def _notifications(settings: Settings) -> list[tuple[str, ...]]:
    i = inbox.c
    with stored(settings) as warehouse, warehouse.read() as connection:
        rows = connection.execute(sa.select(inbox).where(i.event_id == EVENT).order_by(i.id)).all()
    return [
        (
            f"{row.received_at:%H:%M:%S}",
            row.event_type,
            row.event_id,
            f"{row.page or 1} of {row.pages or 1}",
            row.verdict,
            (row.run_id or "")[:8],
            f"handled: {row.outcome}" if row.handled_at else "refreshed at once; the hourly refresh closes it",
        )
        for row in rows
    ]
