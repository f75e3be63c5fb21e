"""`sequel-assets backfill`: real Dagster runs, one per company, each over a range of days."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import dagster as dg

from sequel_assets.automation.companies import find_companies, find_events
from sequel_assets.automation.partitions import range_tags
from sequel_assets.automation.resources import NEEDED, Observer, Platform
from sequel_assets.refresh import connect
from sequel_assets.refresh.datasets import COMPANIES, EVENTS, SLICED
from sequel_assets.refresh.hours import days_between
from sequel_assets.refresh.outcomes import Outcome, Verdict
from sequel_assets.sequel import NotFound, SequelClient, SequelError
from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.engine import Warehouse

from .asked import choose
from .home import command_tags, dagster_home, dagster_instance
from .output import UsageError, console, errors, table
from .progress import bars
from .stopping import stoppable

MOST_NAMED = 20
DONE, SOME_FAILED = 0, 1
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def backfill(
    settings: Settings,
    first: date,
    last: date,
    wanted: Sequence[str] = (),
    *,
    modes: Sequence[str] = (),
    tell_run: Callable[[str], None] = lambda _: None,
) -> int:
    """Refresh every slice of the companies and days, print how it went, and return the exit code.

    `modes` are tags of the runs that change what they ask; `tell_run` is told the id of each run.
    """
    settings.require(*NEEDED)
    dagster_home()
    platform, warehouse = Platform(), connect.open_warehouse(settings)
    try:
        with stoppable() as raise_if_stopped, connect.open_client(settings) as client:
            _check_root(client, settings.company_id or "")
            schema.create_if_empty(warehouse)
            with dagster_instance() as instance:
                companies = _find(platform, client, warehouse, instance, wanted)
                tags = command_tags() | dict.fromkeys(modes, "true")
                return _run(instance, companies, first, last, tags, tell_run, raise_if_stopped)
    finally:
        warehouse.dispose()


def _check_root(client: SequelClient, company_id: str) -> None:
    """Ask for the root before anything is written; whatever is wrong with the account shows here."""
    try:
        client.company(company_id)
    except NotFound:
        raise UsageError(
            f"SEQUEL_COMPANY_ID: Sequel knows no company {company_id} (404); nothing was written; check the id and the account"
        ) from None


def _find(
    platform: Platform,
    client: SequelClient,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    wanted: Sequence[str],
) -> list[KnownCompany]:
    everyone = find_companies(platform, client, warehouse, instance)
    companies = choose(everyone, wanted)
    failed = find_events(platform, client, warehouse, everyone, None)
    for key, reason in failed.items():
        errors().print(f"{key}: its events cannot be listed: {reason}", markup=False)
    for dataset in (COMPANIES, EVENTS)[: 1 if failed else 2]:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(dataset.name, description="by sequel-assets backfill")
        )
    return companies


def _run(
    instance: dg.DagsterInstance,
    companies: Sequence[KnownCompany],
    first: date,
    last: date,
    tags: Mapping[str, str],
    tell_run: Callable[[str], None],
    raise_if_stopped: Callable[[], None],
) -> int:
    from sequel_assets.definitions import defs  # reads the start date from the environment: only once that is settled

    job = defs.resolve_job_def("refresh_slices")
    slices_each = len(days_between(first, last)) * len(SLICED)
    outcomes: list[Outcome] = []
    broken: list[str] = []
    fatal: SequelError | None = None
    try:
        with bars(companies, first, last, slices_each) as shown:
            for company in companies:
                observer = Observer(shown.of(company)) if shown else Observer()
                try:
                    result = job.execute_in_process(
                        instance=instance,
                        tags=range_tags([company.partition_key], first, last) | dict(tags),
                        run_config=QUIET,
                        resources={"platform": Platform(), "observer": observer},
                        raise_on_error=False,
                    )
                finally:
                    outcomes += observer.outcomes
                tell_run(result.run_id)
                raise_if_stopped()
                if not shown:
                    _line(company, observer.outcomes, result.run_id)
                fatal = observer.fatal
                if fatal is not None:
                    break
                if not result.success and not any(o.verdict is Verdict.FAILED for o in observer.outcomes):
                    broken.append(f"{company.partition_key}: {_why(result)}")
    except KeyboardInterrupt:
        _summary(companies, outcomes)
        raise
    for line in broken:
        errors().print(line, markup=False)
    failures = _summary(companies, outcomes)
    if fatal is not None:
        raise fatal
    return SOME_FAILED if failures or broken else DONE


def _line(company: KnownCompany, outcomes: Sequence[Outcome], run_id: str) -> None:
    failed = sum(outcome.verdict is Verdict.FAILED for outcome in outcomes)
    console().print(f"{company.partition_key}: {len(outcomes)} slices, {failed} failed, run {run_id}", markup=False)


def _why(result: dg.ExecuteInProcessResult) -> str:
    """Return the first line of what ended a run whose slices did not."""
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            if told is not None and told.description:
                return told.description.splitlines()[0]
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
        errors().print(
            f"failed: {keys.get(outcome.company_id)} {outcome.day} {outcome.dataset}: {outcome.reason}", markup=False
        )
    if len(failed) > MOST_NAMED:
        errors().print(f"and {len(failed) - MOST_NAMED} more; all of them: sequel-assets status")
    waiting = [outcome for outcome in outcomes if outcome.verdict is Verdict.WAITING]
    if waiting:
        first = waiting[0]
        console().print(
            f"waiting: {len(waiting)} slices, such as {keys.get(first.company_id)} {first.day} {first.dataset}: {first.reason}",
            markup=False,
        )
    return len(failed)
