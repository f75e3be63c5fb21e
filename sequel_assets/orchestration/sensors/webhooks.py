"""Sensors of the inbox, one per reason, and the job that their runs execute. What is to be done is decided in `webhooks/processing/decisions.py`.

A run takes up every hint of its reason that waits when it begins, so a burst costs a run or two. A tick that is repeated
after a crash asks for the same run key, and finds the run there; hints of a run that died wait again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.partitions import COMPANY, COMPANY_PARTITIONS
from sequel_assets.orchestration.reporting.materializations import failure, log_together, materialization
from sequel_assets.orchestration.resources import Platform, in_one_line
from sequel_assets.orchestration.schedules.schedules import UNDER_WAY, hour_under_way
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.safety.visible import visible
from sequel_assets.sequel import SequelError
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import catalog, inbox
from sequel_assets.webhooks.processing.decisions import ASKING, REASONS, NotificationAction, NotificationStep
from sequel_assets.webhooks.processing.processor import AfterWebhooks, Taken, UnderWay, judge
from sequel_assets.webhooks.processing.sweep import notice

REASON = "sequel_assets/webhook"
"""The tag that names the reason of a run."""
HINT = "sequel_assets/hint"
"""The tag that names the oldest hint that a run was asked for."""
MAX_REFRESHED = 100
"""Events that a run names."""
MAX_AT_ONCE = 2
"""Runs of one reason side by side."""
MAX_IN_VAIN = 5
"""Runs asked for one hint that ended before they took it up; from then on one an hour."""
SWEEP_EVERY = timedelta(minutes=1)
NOT_BEGUN = {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING}
INTERVALS = {"ended": 3, "started": 13, "changed": 13, "registered": 13}
"""Seconds between two looks at least. The daemon's loop is 5 s long and no sensor is due a moment early: with 5 every other
turn is left out, so each is somewhat less than the turns that it takes."""
TELLS = {
    "ended": "An event has ended: it is refreshed at once, and asked for again where the hourly refresh does not cover its end",
    "started": "An event has started: it is asked for every hour from now on",
    "changed": "An event was created, changed or deleted: its company's events are listed anew",
    "registered": "Somebody registered: who has registered for that event is asked for",
}


@dg.op(name="refresh_what_hints_name", required_resource_keys={"platform"})
def refresh_op(context: dg.OpExecutionContext) -> None:
    """Refresh what the hints of a reason name, and report each slice that was touched."""
    platform: Platform = context.resources.platform
    reason = context.run.tags.get(REASON, "ended")
    with platform.opened() as (client, warehouse):
        settings = platform.settings()
        work = AfterWebhooks(client, warehouse, settings.clock, config.rules(settings), context.run_id)
        good: list[Outcome] = []
        try:
            good.extend(one for one in work.run(reason, under_way(context.instance, reason)) if one.is_good)
        finally:
            with warehouse.read() as connection:
                names = catalog.partition_keys(connection)
            slices = _slices(good)
            log_together(context, [materialization(one, names[one.company_id]) for one in slices])
    _tell(context, work.taken, len(slices), names)


def _slices(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return one outcome for each slice: the last, and *done* if any was."""
    last: dict[tuple[str, str, object], Outcome] = {}
    for outcome in outcomes:
        slice_ = (outcome.company_id, outcome.dataset, outcome.day)
        was_done = slice_ in last and last[slice_].verdict is SliceStatus.DONE
        last[slice_] = replace(outcome, verdict=SliceStatus.DONE) if was_done else outcome
    return list(last.values())


def _tell(context: dg.OpExecutionContext, taken: Taken, slices: int, names: dict[str, str]) -> None:
    figures = {"hints": taken.hints, "events": len(taken.events), "companies": len(taken.companies), "slices": slices}
    context.log.info(", ".join(f"{count} {what}" for what, count in figures.items()))
    context.add_output_metadata(figures | {"refreshed": sorted(taken.refreshed)[:MAX_REFRESHED]})
    if taken.failed or taken.fatal:
        raise failure(taken.failed, names, taken.fatal)
    if taken.unlisted:
        unlisted = ", ".join(visible(names.get(company_id, company_id)) for company_id in sorted(taken.unlisted))
        raise dg.Failure(f"the events cannot be listed of {unlisted}; what was there stays; asked again in a while")


@dg.job(name="refresh_after_webhooks", description="Refreshes what webhooks have hinted at; asked for by their sensors")
def webhooks_job() -> None:
    """Take up the hints that wait."""
    refresh_op()


def under_way(instance: dg.DagsterInstance, reason: str) -> UnderWay:
    """Return what Dagster is at."""
    ours = instance.get_runs(dg.RunsFilter(tags={REASON: reason}, statuses=UNDER_WAY))
    return UnderWay(frozenset(run.run_id for run in ours), hour_under_way(instance) is not None)


def webhook_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Return the sensors of the inbox; they are on where a public address is set."""
    return [_sensor(settings, reason) for reason in REASONS]


def _sensor(settings: Settings, reason: str) -> dg.SensorDefinition:
    is_set_up = settings.webhook_url is not None

    @dg.sensor(
        name=f"webhook_{reason}",
        job_name=webhooks_job.name,
        minimum_interval_seconds=INTERVALS[reason],
        default_status=dg.DefaultSensorStatus.RUNNING if is_set_up else dg.DefaultSensorStatus.STOPPED,
        description=TELLS[reason],
    )
    @in_one_line()
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            settings.require("company_id", "person_key")
            warehouse = config.open_warehouse(settings)
            try:
                schema.ensure_current(warehouse)
                return _Tick(context, settings, warehouse, reason).result()
            finally:
                warehouse.dispose()
        except (SettingsError, WarehouseError, SequelError) as error:
            return dg.SkipReason(str(error))

    return look


class _Tick:
    """One look at the inbox."""

    def __init__(
        self, context: dg.SensorEvaluationContext, settings: Settings, warehouse: Warehouse, reason: str
    ) -> None:
        self._instance, self._settings, self._warehouse, self._reason = context.instance, settings, warehouse, reason
        self._swept_at, self._now, self._new = context.cursor or "", settings.clock(), list[str]()

    def result(self) -> dg.SensorResult:
        """Close what is done with, and return what is asked of Dagster."""
        if self._reason == "ended":
            self._sweep()
        at = under_way(self._instance, self._reason)
        steps = self._judge(at)
        if any(step.do is NotificationAction.WALK for step in steps):
            self._walk()
            steps = self._judge(at, has_walked=True)
        asking = [step for step in steps if step.do in ASKING]
        words = self._why_not(asking, steps, at)
        return dg.SensorResult(
            run_requests=[] if words else [self._request(asking)],
            skip_reason=words or None,
            dynamic_partitions_requests=[COMPANY_PARTITIONS.build_add_request(self._new)] if self._new else [],
            cursor=self._swept_at or None,
        )

    def _judge(self, at: UnderWay, *, has_walked: bool = False) -> list[NotificationStep]:
        rules = config.rules(self._settings)
        return judge(self._warehouse, self._reason, self._now, rules, at, has_walked=has_walked)

    def _walk(self) -> None:
        """Look for a company that hints name; what is found gets its partition with this tick."""
        keys = set(self._instance.get_dynamic_partitions(COMPANY))
        settings = self._settings
        with (
            closing(config.open_client(settings)) as client,
            ThreadPoolExecutor(settings.max_concurrency) as pool,
        ):
            found = refresh_companies(
                client, self._warehouse, settings.company_id or "", pool, clock=settings.clock, known_keys=sorted(keys)
            )
        self._new = [company.partition_key for company in found if company.partition_key not in keys]

    def _sweep(self) -> None:
        """Now and then, notice the ends that nothing told of, and delete what was handled long ago."""
        if self._swept_at and self._now - datetime.fromisoformat(self._swept_at) < SWEEP_EVERY:
            return
        notice(self._warehouse, self._now)
        inbox.purge(self._warehouse, self._now - timedelta(days=self._settings.webhook_keep_days))
        self._swept_at = self._now.isoformat()

    def _why_not(self, asking: Sequence[NotificationStep], steps: Sequence[NotificationStep], at: UnderWay) -> str:
        if not asking:
            return _in_words(steps)
        runs = self._instance.get_runs(dg.RunsFilter(run_ids=list(at.run_ids))) if at.run_ids else []
        busy = {step.hint.run_id for step in steps}
        for run in runs:
            if run.status in NOT_BEGUN or run.run_id not in busy:
                return f"run {run.run_id} is about to take them up"
        return f"{len(runs)} runs are at it; the next one takes the rest up" if len(runs) >= MAX_AT_ONCE else ""

    def _request(self, asking: Sequence[NotificationStep]) -> dg.RunRequest:
        oldest = _name(asking[0])
        in_vain = self._instance.get_runs_count(dg.RunsFilter(tags={HINT: oldest}))
        attempt = str(in_vain) if in_vain < MAX_IN_VAIN else f"{self._now:%Y%m%d%H}"
        tags = run_tags.URGENT | {REASON: self._reason, HINT: oldest}
        return dg.RunRequest(run_key=f"{self._reason}-{oldest}-{attempt}", tags=tags)


def _name(step: NotificationStep) -> str:
    """Return a name of a group of hints that stays the same until a run takes it up, also over a new inbox."""
    hint = step.hint
    parts = (hint.company_id, hint.event_type, hint.event_id, hint.received_at, hint.tried_at, hint.replayed_at)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _in_words(steps: Sequence[NotificationStep]) -> str:
    """Return why nothing is asked for: the reasons, and how many hints each holds."""
    if not steps:
        return "nothing waits in the inbox"
    counted: dict[str, int] = {}
    for step in steps:
        counted[step.words] = counted.get(step.words, 0) + step.hint.count
    told = [f"{count} wait: {words}" for words, count in sorted(counted.items(), key=lambda one: -one[1])]
    return "; ".join(told[:5])
