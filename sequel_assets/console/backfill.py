"""`sequel-assets backfill`: real Dagster runs, one per company, each over a range of days."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from functools import partial

import dagster as dg
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from sequel_assets.automation.companies import find_companies, find_events
from sequel_assets.automation.partitions import range_tags
from sequel_assets.automation.resources import Observer, Platform
from sequel_assets.refresh import connect
from sequel_assets.refresh.datasets import COMPANIES, EVENTS, SLICED
from sequel_assets.refresh.hours import days_between
from sequel_assets.refresh.outcomes import Outcome, Verdict
from sequel_assets.sequel import NotFound, SequelClient
from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.engine import Warehouse

from .home import dagster_home
from .output import UsageError, console, errors, table

MOST_NAMED = 20
DONE, SOME_FAILED, NOT_REACHED = 0, 1, 3
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def parse_day(text: str, option: str) -> date:
    """Return a day; anything but YYYY-MM-DD is refused by name."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or text != day.isoformat():
        raise UsageError(f"{option} {text}: it must be a day (UTC) such as 2026-11-23, without time or zone")
    return day


def check_range(settings: Settings, first: date, last: date) -> None:
    """Refuse a range that is reversed, reaches beyond today, or begins before the history does."""
    today = settings.clock().date()
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}; give the earlier day first")
    if last > today:
        raise UsageError(f"--to {last} is in the future; the last day there can be is {today} (UTC)")
    if first < settings.start_date:
        raise UsageError(
            f"--from {first} is before the start of history, {settings.start_date}; set SEQUEL_START_DATE to an earlier day first"
        )


def choose(companies: Sequence[KnownCompany], wanted: Sequence[str]) -> list[KnownCompany]:
    """Return the companies meant by ids, partition keys or unique names; all of them where none is named."""
    if not wanted:
        return list(companies)
    chosen: dict[str, KnownCompany] = {}
    wrong = []
    for text in wanted:
        exact = [company for company in companies if text in (company.company_id, company.partition_key)]
        found = exact or [company for company in companies if company.name == text.strip()]
        if len(found) == 1:
            chosen[found[0].company_id] = found[0]
        elif found:
            wrong.append(
                f"--company {text}: {len(found)} companies have this name; use one of {', '.join(c.partition_key for c in found)}"
            )
        else:
            known = ", ".join(company.partition_key for company in companies[:MOST_NAMED])
            more = f" and {len(companies) - MOST_NAMED} more" if len(companies) > MOST_NAMED else ""
            wrong.append(f"--company {text}: there is no such company; known are {known}{more}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return list(chosen.values())


def backfill(settings: Settings, first: date, last: date, wanted: Sequence[str] = ()) -> int:
    """Refresh every slice of the companies and days, print how it went, and return the exit code."""
    check_range(settings, first, last)
    connect.rules(settings)
    dagster_home()
    platform, warehouse = Platform(), connect.open_warehouse(settings)
    try:
        schema.create_if_empty(warehouse)
        with connect.open_client(settings) as client, dg.DagsterInstance.get() as instance:
            companies = _find(settings, platform, client, warehouse, instance, wanted)
            return _run(instance, companies, first, last)
    finally:
        warehouse.dispose()


def _find(
    settings: Settings,
    platform: Platform,
    client: SequelClient,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    wanted: Sequence[str],
) -> list[KnownCompany]:
    try:
        everyone = find_companies(platform, client, warehouse, instance)
    except NotFound:
        raise UsageError(
            f"SEQUEL_COMPANY_ID: Sequel knows no company {settings.company_id} (404); nothing was written; check the id and the account"
        ) from None
    companies = choose(everyone, wanted)
    failed = find_events(platform, client, warehouse, everyone, None)
    for key, reason in failed.items():
        errors.print(f"{key}: its events cannot be listed: {reason}", markup=False)
    for dataset in (COMPANIES, EVENTS)[: 1 if failed else 2]:
        instance.report_runless_asset_event(dg.AssetMaterialization(dataset.name, description="by sequel-assets backfill"))
    return companies


def _run(instance: dg.DagsterInstance, companies: Sequence[KnownCompany], first: date, last: date) -> int:
    from sequel_assets.definitions import defs  # reads the start date from the environment: only once that is settled

    job = defs.resolve_job_def("refresh_slices")
    slices_each = len(days_between(first, last)) * len(SLICED)
    outcomes: list[Outcome] = []
    broken: list[str] = []
    with _progress() as progress:
        for company in companies:
            observer = Observer()
            if progress:
                bar = progress.add_task(company.partition_key, total=slices_each)
                observer.tell = partial(_advance, progress, bar)
            result = job.execute_in_process(
                instance=instance,
                tags=range_tags([company.partition_key], first, last),
                run_config=QUIET,
                resources={"platform": Platform(), "observer": observer},
                raise_on_error=False,
            )
            outcomes += observer.outcomes
            failed = [outcome for outcome in observer.outcomes if outcome.verdict is Verdict.FAILED]
            if not progress:
                console.print(
                    f"{company.partition_key}: {len(observer.outcomes)} slices, {len(failed)} failed, run {result.run_id}",
                    markup=False,
                )
            if observer.fatal is not None:
                errors.print(
                    f"{observer.fatal}; nothing half-written; run the same command again when that is mended",
                    markup=False,
                )
                _summary(companies, outcomes)
                return NOT_REACHED
            if not result.success and not failed:
                broken.append(f"{company.partition_key}: {_why(result)}")
    for line in broken:
        errors.print(line, markup=False)
    failures = _summary(companies, outcomes)
    return SOME_FAILED if failures or broken else DONE


def _why(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            return (cause.message.strip().splitlines() or ["the run failed"])[0] if cause else "the run failed"
    return "the run failed; look at it in Dagster's UI"


def _summary(companies: Sequence[KnownCompany], outcomes: Sequence[Outcome]) -> int:
    """Print slices by company and verdict, then the failed ones by name; return how many failed."""
    counts = Counter((outcome.company_id, outcome.verdict) for outcome in outcomes)
    rows = [
        (company.partition_key, *(counts[company.company_id, verdict] for verdict in Verdict)) for company in companies
    ]
    footer = ("all", *(sum(counts[company.company_id, verdict] for company in companies) for verdict in Verdict))
    table("Slices", ("company", *(str(verdict) for verdict in Verdict)), rows, footer if len(rows) > 1 else ())
    keys = {company.company_id: company.partition_key for company in companies}
    failed = [outcome for outcome in outcomes if outcome.verdict is Verdict.FAILED]
    for outcome in failed[:MOST_NAMED]:
        errors.print(
            f"failed: {keys.get(outcome.company_id)} {outcome.day} {outcome.dataset}: {outcome.reason}", markup=False
        )
    if len(failed) > MOST_NAMED:
        errors.print(f"and {len(failed) - MOST_NAMED} more; all of them: sequel-assets status")
    waiting = [outcome for outcome in outcomes if outcome.verdict is Verdict.WAITING]
    if waiting:
        first = waiting[0]
        console.print(
            f"waiting: {len(waiting)} slices, such as {keys.get(first.company_id)} {first.day} {first.dataset}: {first.reason}",
            markup=False,
        )
    return len(failed)


def _advance(progress: Progress, bar: TaskID, _: Outcome) -> None:
    progress.advance(bar)


def _progress() -> "AbstractContextManager[Progress | None]":
    if not console.is_terminal:
        return nullcontext()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)
