"""The two processes that are killed: the receiver, and what evaluates sensors and executes their runs.

Both read the time from a file, so that an afternoon goes by in a minute.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

RUN_KEY = "dagster/run_key"
NO_SCHEDULE = "--no-schedule"


def receive(clock: Path, port: int) -> None:
    """Serve the receiver, as `sequel-assets serve receiver` does."""
    from sequel_assets import settings
    from sequel_assets.cli.commands.serve import receiver_of
    from sequel_assets.warehouse.database.engine import Warehouse
    from sequel_assets.webhooks.receiver.server import listen, server

    known = settings.load()
    warehouse = Warehouse(known.warehouse_url, is_durable=True, busy_seconds=10)
    receiver = receiver_of(known, warehouse)
    receiver._clock = lambda: datetime.fromisoformat(clock.read_text())
    server(receiver.app(known.receiver_path()), 15).run([listen("127.0.0.1", port)])


def tend(clock: Path) -> None:
    """Evaluate the schedule and the sensors for ever, and execute what they ask for, as Dagster's daemon and launcher do.

    Tells the time of each round that it has ended, once nothing was left to ask for.
    """
    from sequel_assets.cli.support.dagster_home import command_tags, end_lost_runs
    from sequel_assets.orchestration.sensors.webhook_job import webhooks_job

    with dg.DagsterInstance.get() as instance:
        end_lost_runs(instance)
        job = webhooks_job()
        while True:
            os.environ["SEQUEL_NOW"] = told = clock.read_text()
            if not _round(instance, command_tags(), job):
                (clock.parent / "rounded").write_text(told)
                time.sleep(0.05)


def _round(instance: dg.DagsterInstance, tags: dict[str, str], job: dg.JobDefinition) -> bool:
    """Look once at everything; say whether anything was executed."""
    from sequel_assets import settings
    from sequel_assets.orchestration.assets.slices import refresh_asset
    from sequel_assets.orchestration.partitions import slice_partitions
    from sequel_assets.orchestration.resources import Observer, Platform
    from sequel_assets.orchestration.schedules.hour_job import hour_job
    from sequel_assets.orchestration.schedules.schedules import schedules, slices_job
    from sequel_assets.orchestration.sensors.webhooks import webhook_sensors

    known = settings.load()
    now = known.clock().astimezone(UTC)
    defs = dg.Definitions(
        assets=[refresh_asset(slice_partitions(known))],
        jobs=[slices_job(), hour_job(), job],
        resources={"platform": Platform(), "observer": Observer()},
        executor=dg.in_process_executor,
    )
    asked = []
    if now.minute >= known.settle_minutes and NO_SCHEDULE not in sys.argv:
        (hourly,) = [one for one in schedules(known) if one.name == "hourly_refresh"]
        with dg.build_schedule_context(instance=instance, scheduled_execution_time=now) as context:
            asked += [("refresh_hour", request) for request in hourly.evaluate_tick(context).run_requests or []]
    for sensor in webhook_sensors(known):
        with dg.build_sensor_context(instance=instance, definitions=defs) as sensed:
            ticked = sensor.evaluate_tick(sensed)
        if ticked.skip_message:
            sys.stderr.write(f"{now:%H:%M} {sensor.name}: {ticked.skip_message}\n")  # the log of this process
        for request in ticked.dynamic_partitions_requests or []:
            instance.add_dynamic_partitions("company", list(request.partition_keys))
        asked += [(job.name, request) for request in ticked.run_requests or []]
    did = False
    for name, request in asked:
        if not instance.get_runs(dg.RunsFilter(tags={RUN_KEY: str(request.run_key)}), limit=1):
            all_tags = {**request.tags, **tags, RUN_KEY: str(request.run_key)}
            defs.resolve_job_def(name).execute_in_process(
                instance=instance, tags=all_tags, run_config=request.run_config, raise_on_error=False
            )
            did = True
    return did


if __name__ == "__main__":
    role, place = sys.argv[1], Path(sys.argv[2])
    if role == "receive":
        receive(place, int(sys.argv[3]))
    else:
        tend(place)
