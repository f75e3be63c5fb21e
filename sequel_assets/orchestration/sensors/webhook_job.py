"""The job that takes up what waits in the inbox of webhooks: refreshes what was named, reports each slice that it touched.

What is to be done is decided in `webhooks/processing/decisions.py`, when a run is needed in `webhooks`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import dagster as dg

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import AFTER_WEBHOOKS, ALONE, Namespace
from sequel_assets.orchestration.reporting.materializations import failure, log_together, materialization
from sequel_assets.orchestration.resources import Platform
from sequel_assets.orchestration.schedules.schedules import UNDER_WAY, hour_under_way
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets.webhooks.processing.pending import UnderWay
from sequel_assets.webhooks.processing.processor import NotificationProcessor, Taken

REASON = run_tags.WEBHOOK
"""The tag that names the reason of a run."""
MAX_REFRESHED = 100
"""Events that a run names."""


def _refresh(context: dg.OpExecutionContext, space: Namespace) -> None:
    """Refresh what the notifications of a reason name, and report each slice that was touched."""
    platform: Platform = getattr(context.resources, space.platform)
    reason = context.run.tags.get(REASON, "ended")
    with platform.opened() as (client, warehouse):
        settings = platform.settings()
        work = NotificationProcessor(client, warehouse, settings.clock, config.rules(settings), context.run_id)
        good: list[Outcome] = []
        try:
            good.extend(one for one in work.run(reason, under_way(context.instance, reason, space)) if one.is_good)
        finally:
            names = warehouse.ask(catalog.partition_keys)
            slices = _slices(good)
            log_together(context, [materialization(one, names[one.company_id]) for one in slices], space)
            _describe(context, work.taken, slices, names)
    _report(context, work.taken, len(slices), names)


def _describe(
    context: dg.OpExecutionContext, taken: Taken, slices: Collection[Outcome], names: Mapping[str, str]
) -> None:
    """Tag the run with the companies that were named, the days that were refreshed and why."""
    keys = {names.get(company_id, company_id) for company_id in taken.companies}
    tags = run_tags.of_slices(keys, {one.day for one in slices} - {NO_DAY})
    described = tags | {run_tags.MODE: "what webhooks name", run_tags.WHY: run_tags.why(context.run.tags)}
    context.instance.add_run_tags(context.run_id, described)


def _slices(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return one outcome for each slice: the last, and *done* if any was."""
    last: dict[tuple[str, str, object], Outcome] = {}
    for outcome in outcomes:
        slice_ = (outcome.company_id, outcome.dataset, outcome.day)
        was_done = slice_ in last and last[slice_].verdict is SliceStatus.DONE
        last[slice_] = replace(outcome, verdict=SliceStatus.DONE) if was_done else outcome
    return list(last.values())


def _report(context: dg.OpExecutionContext, taken: Taken, slices: int, names: dict[str, str]) -> None:
    figures = {
        "notifications": taken.notifications,
        "events": len(taken.events),
        "companies": len(taken.companies),
        "slices": slices,
    }
    context.log.info(", ".join(f"{count} {what}" for what, count in figures.items()))
    context.add_output_metadata(figures | {"refreshed": sorted(taken.refreshed)[:MAX_REFRESHED]})
    if taken.failed or taken.fatal:
        raise failure(taken.failed, names, taken.fatal)
    if taken.unlisted:
        unlisted = ", ".join(visible(names.get(company_id, company_id)) for company_id in sorted(taken.unlisted))
        raise dg.Failure(
            f"the events cannot be listed of {unlisted}; what was there stays; the next try follows in a while"
        )


def webhooks_job(space: Namespace = ALONE) -> dg.JobDefinition:
    """Return the job that takes up the waiting notifications."""

    @dg.op(name=space.name("refresh_what_notifications_name"), required_resource_keys={space.platform})
    def refresh_what_notifications_name(context: dg.OpExecutionContext) -> None:
        _refresh(context, space)

    @dg.job(
        name=space.name(AFTER_WEBHOOKS),
        description="Refreshes what webhooks have reported; requested by their sensors",
        tags=run_tags.BOUNDED,
        executor_def=dg.in_process_executor,
    )
    def refresh_after_webhooks() -> None:
        refresh_what_notifications_name()

    return refresh_after_webhooks


def under_way(instance: dg.DagsterInstance, reason: str, space: Namespace = ALONE) -> UnderWay:
    """Return the runs in Dagster that have not ended."""
    ours = instance.get_runs(
        dg.RunsFilter(job_name=space.name(AFTER_WEBHOOKS), tags={REASON: reason}, statuses=UNDER_WAY)
    )
    return UnderWay(frozenset(run.run_id for run in ours), hour_under_way(instance, space=space) is not None)
