"""Sensors of the inbox, one per reason; their runs execute the job of `webhook_job`.

What is to be done is decided in `webhooks/processing/decisions.py`. A run takes up every notification of its reason
that waits when it begins, so a burst costs a run or two. A tick that is repeated after a crash requests the same run
key and finds the run there; notifications of a run that died wait again.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import AFTER_WEBHOOKS, ALONE, Namespace
from sequel_assets.orchestration.resources import current_warehouse, in_one_line
from sequel_assets.orchestration.sensors.webhook_job import REASON, under_way
from sequel_assets.refresh.core import config
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.refresh.discovery.company_selection import selection_of
from sequel_assets.sequel import SequelError
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import inbox
from sequel_assets.webhooks.processing.actions import FETCHING, REASONS, NotificationAction, NotificationStep
from sequel_assets.webhooks.processing.pending import UnderWay, plan_and_close
from sequel_assets.webhooks.processing.sweep import note_undelivered

NOTIFICATION = "sequel_assets/notification"
"""The tag that names the oldest notification that a run was requested for."""
MAX_AT_ONCE = 2
"""Runs of one reason side by side."""
MAX_WITHOUT_EFFECT = 5
"""Runs for one notification that ended before they took it up; from then on one is requested per hour."""
SWEEP_EVERY = timedelta(minutes=1)
NOT_BEGUN = {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING}
INTERVALS = {"ended": 3, "started": 13, "changed": 13, "registered": 13}
"""Seconds between two ticks at least. Dagster's daemon loops every 5 s, and with an interval of exactly 5 every other
loop comes a little too early and is skipped. So each is somewhat less than a multiple of 5."""
DESCRIPTIONS = {
    "ended": "An event has ended: it is refreshed at once, and once more if the hourly refresh does not cover its end",
    "started": "An event has started: it is fetched every hour from now on",
    "changed": "An event was created, changed or deleted: its company's events are listed",
    "registered": "Somebody registered: the event's registrants are fetched",
}


def webhook_sensors(settings: Settings, space: Namespace = ALONE) -> list[dg.SensorDefinition]:
    """Return the sensors of the inbox; they are on where a public address is set."""
    return [_sensor(settings, reason, space) for reason in REASONS]


def _sensor(settings: Settings, reason: str, space: Namespace) -> dg.SensorDefinition:
    is_set_up = settings.webhook_url is not None

    @dg.sensor(
        name=space.name(f"webhook_{reason}"),
        job_name=space.name(AFTER_WEBHOOKS),
        minimum_interval_seconds=INTERVALS[reason],
        default_status=space.sensor_status(is_set_up=is_set_up),
        description=DESCRIPTIONS[reason],
    )
    @in_one_line()
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            settings.require("company_id", "person_key")
            with current_warehouse(settings) as warehouse:
                return _Tick(context, settings, warehouse, reason, space).result()
        except (SettingsError, WarehouseError, SequelError) as error:
            return dg.SkipReason(str(error))

    return look


class _Tick:
    """One look at the inbox."""

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        settings: Settings,
        warehouse: Warehouse,
        reason: str,
        space: Namespace,
    ) -> None:
        self._space = space
        self._instance, self._settings, self._warehouse, self._reason = context.instance, settings, warehouse, reason
        self._swept_at, self._now, self._new = context.cursor or "", settings.clock(), list[str]()

    def result(self) -> dg.SensorResult:
        """Close what needs nothing more, and return what is requested of Dagster."""
        if self._reason == "ended":
            self._sweep()
        at = under_way(self._instance, self._reason, self._space)
        steps = self._judge(at)
        if any(step.do is NotificationAction.WALK for step in steps):
            self._walk()
            steps = self._judge(at, has_walked=True)
        fetching = [step for step in steps if step.do in FETCHING]
        reason = self._reason_to_skip(fetching, steps, at)
        return dg.SensorResult(
            run_requests=[] if reason else [self._request(fetching)],
            skip_reason=reason or None,
            dynamic_partitions_requests=[self._space.companies.build_add_request(self._new)] if self._new else [],
            cursor=self._swept_at or None,
        )

    def _judge(self, at: UnderWay, *, has_walked: bool = False) -> list[NotificationStep]:
        rules = config.rules(self._settings)
        return plan_and_close(self._warehouse, self._reason, self._now, rules, at, has_walked=has_walked)

    def _walk(self) -> None:
        """Walk the hierarchy for a company that notifications name; what is new gets its partition with this tick."""
        keys = set(self._instance.get_dynamic_partitions(self._space.partitions_name))
        settings = self._settings
        with (
            closing(config.open_client(settings)) as client,
            ThreadPoolExecutor(settings.max_concurrency) as pool,
        ):
            found = refresh_companies(
                client,
                self._warehouse,
                settings.company_id or "",
                pool,
                clock=settings.clock,
                known_keys=sorted(keys),
                selection=selection_of(settings),
            )
        self._new = [company.partition_key for company in found if company.partition_key not in keys]

    def _sweep(self) -> None:
        """Once in a while, note the ends that no webhook reported, and delete what was handled long ago."""
        if self._swept_at and self._now - datetime.fromisoformat(self._swept_at) < SWEEP_EVERY:
            return
        note_undelivered(self._warehouse, self._now)
        inbox.purge(self._warehouse, self._now - timedelta(days=self._settings.webhook_keep_days))
        self._swept_at = self._now.isoformat()

    def _reason_to_skip(
        self, fetching: Sequence[NotificationStep], steps: Sequence[NotificationStep], at: UnderWay
    ) -> str:
        if not fetching:
            return _describe(steps)
        runs = self._instance.get_runs(dg.RunsFilter(run_ids=list(at.run_ids))) if at.run_ids else []
        busy = {step.notification.run_id for step in steps}
        for run in runs:
            if run.status in NOT_BEGUN or run.run_id not in busy:
                return f"run {run.run_id} is about to take them up"
        return (
            f"{len(runs)} runs are working on them; the next one takes up the rest" if len(runs) >= MAX_AT_ONCE else ""
        )

    def _request(self, fetching: Sequence[NotificationStep]) -> dg.RunRequest:
        oldest = _name(fetching[0])
        without_effect = self._instance.get_runs_count(
            dg.RunsFilter(job_name=self._space.name(AFTER_WEBHOOKS), tags={NOTIFICATION: oldest})
        )
        attempt = str(without_effect) if without_effect < MAX_WITHOUT_EFFECT else f"{self._now:%Y%m%d%H}"
        why = run_tags.because(run_tags.why({REASON: self._reason}))
        tags = run_tags.URGENT | {REASON: self._reason, NOTIFICATION: oldest} | why
        return dg.RunRequest(run_key=f"webhook-{self._reason}-{oldest}-{attempt}", tags=tags)


def _name(step: NotificationStep) -> str:
    """Return a name of a group of notifications that stays the same until a run takes it up, also in a new inbox."""
    notification = step.notification
    parts = (
        notification.company_id,
        notification.event_type,
        notification.event_id,
        notification.received_at,
        notification.tried_at,
        notification.replayed_at,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _describe(steps: Sequence[NotificationStep]) -> str:
    """Return why no run is requested: the reasons, and how many notifications each holds back."""
    if not steps:
        return "nothing waits in the inbox"
    counted: dict[str, int] = {}
    for step in steps:
        counted[step.reason] = counted.get(step.reason, 0) + step.notification.count
    lines = [f"{count} wait: {reason}" for reason, count in sorted(counted.items(), key=lambda one: -one[1])]
    return "; ".join(lines[:5])
