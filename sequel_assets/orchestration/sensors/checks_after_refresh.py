"""The sensor that runs the checks after a refresh: of the UI, a backfill of either kind, a webhook or the hour.

It notices what the warehouse has stored since the last checks, whoever stored it, and waits until no more follows. Each
check covers every slice, so that a backfill of January turns nothing of today green. The hourly schedule runs them too:
they turn red by themselves where nothing is refreshed any more.
"""

import json
from dataclasses import asdict, dataclass
from typing import Self

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import ALONE, CHECKS, HOUR, SLICES, Namespace, is_by_hand
from sequel_assets.orchestration.resources import current_warehouse, in_one_line
from sequel_assets.orchestration.schedules.schedules import runs_under_way
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.tables.core import refreshes

INTERVAL_SECONDS = 28
"""Seconds between two ticks at least; somewhat less than a multiple of the daemon's 5."""
RECENT = 50
"""Runs among which the latest refresh is looked for."""


@dataclass(frozen=True)
class Position:
    """What the sensor remembers between two ticks."""

    seen: str = ""
    """What was stored at the last tick."""
    checked: str = ""
    """What was stored when the checks were last requested."""

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """Read a cursor; one that cannot be read counts as none."""
        try:
            return cls(**json.loads(cursor or "{}"))
        except (TypeError, ValueError):
            return cls()

    def __str__(self) -> str:
        """Return it as a cursor."""
        return json.dumps(asdict(self))


def decide(position: Position, stored: str, *, is_busy: bool) -> tuple[Position, str]:
    """Return what to remember, and why the checks are not run; "" where they are. Pure.

    `stored` identifies what the warehouse holds, "" where no slice was refreshed yet. It must be the same at two ticks: a
    backfill of the command line is no run of Dagster's, and is over when nothing changes any more.
    """
    after = Position(stored, position.checked)
    if not stored:
        return after, "nothing was refreshed yet"
    if stored == position.checked:
        return after, "nothing was refreshed since the last checks"
    if is_busy:
        return after, "a refresh is under way; the checks follow it"
    if stored != position.seen:
        return after, "something was refreshed; the checks follow at the next tick if no more follows"
    return Position(stored, stored), ""


def checks_after_refresh_sensor(settings: Settings, space: Namespace = ALONE) -> dg.SensorDefinition:
    """Return the sensor that runs every check once what is stored has changed and no refresh is under way."""

    @dg.sensor(
        name=space.name("checks_after_refresh"),
        job_name=space.name(CHECKS),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=space.sensor_status(),
        description="Runs every check within a minute after a refresh or a backfill has ended",
    )
    @in_one_line()
    def checks_after_refresh(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            with current_warehouse(settings) as warehouse:
                newest, slices = warehouse.ask(_newest)
        except (SettingsError, WarehouseError) as error:
            return dg.SkipReason(str(error))
        is_busy, latest = _refreshes(context.instance, space)
        stored = f"{slices} slices, {newest} {latest}" if slices else ""
        position, why_not = decide(Position.of(context.cursor), stored, is_busy=is_busy)
        why = run_tags.because("sensor checks_after_refresh")
        requests = [] if why_not else [dg.RunRequest(run_key=f"checks after {stored}", tags=why)]
        return dg.SensorResult(run_requests=requests, skip_reason=why_not or None, cursor=str(position))

    return checks_after_refresh


def _newest(connection: sa.Connection) -> tuple[object, int]:
    """Return when a slice was last refreshed, and how many slices there are."""
    counted = sa.select(sa.func.max(refreshes.c.refreshed_at), sa.func.count())
    newest, slices = connection.execute(counted).one()
    return newest, slices


def _refreshes(instance: dg.DagsterInstance, space: Namespace) -> tuple[bool, str]:
    """Return whether a run that refreshes slices is under way, and the id of the latest one that has ended."""
    jobs = {space.name(SLICES), space.name(HOUR)}

    def is_refresh(run: dg.DagsterRun) -> bool:
        return space.is_ours(run) and (run.job_name in jobs or is_by_hand(run))

    latest = (run.run_id for run in instance.get_runs(limit=RECENT) if run.is_finished and is_refresh(run))
    return any(map(is_refresh, runs_under_way(instance))), next(latest, "")
