"""`sequel-assets backfill`: walk the companies, then execute one Dagster run per company over a range of days.

Whatever is refused (settings, companies, account) is refused before anything is written. A company whose lists Sequel
does not return is named and makes the exit code 1; it never stops the others.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import dagster as dg

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, Task, execute
from sequel_assets.cli.backfill.frozen import refuse_unknown_companies, remaining_days
from sequel_assets.cli.backfill.pool import run_side_by_side, worker_count
from sequel_assets.cli.backfill.progress import summarize, view
from sequel_assets.cli.backfill.submitted import run_on_hosts
from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.dagster_home import cancel_run, dagster_home, dagster_instance, end_lost_runs, is_used
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.cli.support.terminal import UsageError, errors
from sequel_assets.orchestration.assets.catalog_refresh import find_events, look_for_companies, store_companies
from sequel_assets.orchestration.hosts.worker import runs_on_hosts
from sequel_assets.orchestration.namespace import ALONE
from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.orchestration.reporting.provenance import materialization_of_list
from sequel_assets.orchestration.resources import NEEDED, Platform
from sequel_assets.queries.existing_warehouse import stored_companies
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import COMPANIES, COMPANY_PARENTS, EVENTS
from sequel_assets.refresh.discovery.companies import WalkFinding, is_descendant
from sequel_assets.refresh.run.shared_places import sharing
from sequel_assets.safety.visible import as_line
from sequel_assets.sequel import NotFound, SequelClient, SequelError
from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany

DONE, SOME_FAILED = 0, 1


def backfill(
    settings: Settings,
    first: date,
    last: date,
    wanted: Sequence[str] = (),
    *,
    modes: Sequence[str] = (),
    workers: int | None = None,
    workspace: Path = Path("workspace.yaml"),
    on_run: Callable[[str], None] = lambda _: None,
) -> int:
    """Refresh every slice of the companies and days, print the results, and return the exit code.

    `modes` are tags of the runs that change which days are requested; `workers` is the number of parallel processes
    (default: one per core, up to a few; 1: this process only); `on_run` is called with the id of each run. Where Dagster
    hands runs to workers on other hosts they are put into its queue instead, by the code location of `workspace`.
    """
    settings.require(*NEEDED)
    known = stored_companies(settings)
    with stoppable() as raise_if_stopped, config.open_client(settings) as client, ExitStack() as stack:
        instance = stack.enter_context(dagster_instance()) if is_used(dagster_home()) else None
        found = _walk(settings, client, instance, known)
        companies = choose(found.present, wanted)  # unknown names must be refused before a warehouse is created
        refuse_unknown_companies(settings, found.present)
        warehouse = config.open_warehouse(settings)
        stack.callback(warehouse.dispose)
        schema.create_if_empty(warehouse)
        warehouse.ensure_writable()
        instance = instance or stack.enter_context(dagster_instance())
        unlisted = _store(settings, client, warehouse, instance, found)
        left = remaining_days(settings, warehouse, companies, first, last)
        tasks = [
            Task(company, left.first_days[company.company_id], last, dict.fromkeys(modes, "true"))
            for company in companies
            if company.company_id in left.first_days
        ]
        if runs_on_hosts(instance):
            failed = run_on_hosts(instance, warehouse, tasks, workspace, on_run, raise_if_stopped)
            code = SOME_FAILED if failed else DONE
        else:
            number = worker_count(workers, tasks, settings.max_concurrency)
            events = _event_counts(warehouse, tasks)
            code = _run(instance, client, warehouse, companies, tasks, events, number, on_run, raise_if_stopped)
        left.print()
        is_partial = affects_chosen(unlisted, companies, found.present) if wanted else bool(unlisted)
        return SOME_FAILED if is_partial else code


def _event_counts(warehouse: Warehouse, tasks: Sequence[Task]) -> dict[str, int]:
    with warehouse.read() as connection:
        known = {task.company.company_id: catalog.known_events(connection, task.company.company_id) for task in tasks}
    return {
        company_id: sum(event.vanished_at is None for event in theirs.values()) for company_id, theirs in known.items()
    }


def _walk(
    settings: Settings, client: SequelClient, instance: dg.DagsterInstance | None, known: Sequence[KnownCompany]
) -> WalkFinding:
    """Walk the company hierarchy and store nothing; an error of the account is raised here."""
    try:
        client.company(settings.company_id or "")
    except NotFound:
        raise UsageError(
            f"SEQUEL_COMPANY_ID: Sequel knows no company {settings.company_id} (404); nothing was written; "
            "check the id and the account"
        ) from None
    keys = instance.get_dynamic_partitions(COMPANY) if instance else []
    return look_for_companies(settings, client, known, keys)


def _store(
    settings: Settings, client: SequelClient, warehouse: Warehouse, instance: dg.DagsterInstance, found: WalkFinding
) -> set[str]:
    """Store the companies and their events, print which lists are missing, and return the companies of those lists."""
    everyone = store_companies(settings, warehouse, instance, found)
    keys = {company.company_id: company.partition_key for company in everyone}
    for company_id, note in found.notes.items():
        errors().print(as_line(f"{keys[company_id]}: {note.reason}"))
    failed = find_events(Platform(), client, warehouse, everyone, None)
    for key, reason in failed.items():
        errors().print(as_line(f"{key}: its events cannot be listed: {reason}"))
    for dataset in (COMPANIES, COMPANY_PARENTS, *(() if failed else (EVENTS,))):
        instance.report_runless_asset_event(
            ALONE.event(materialization_of_list(dataset.name, description="by sequel-assets backfill"))
        )
    return {company_id for company_id, key in keys.items() if key in failed or company_id in found.unread}


def affects_chosen(unlisted: Collection[str], chosen: Sequence[KnownCompany], present: Sequence[KnownCompany]) -> bool:
    """Say whether a company with a missing list is one of the chosen ones or a descendant of one. Pure."""
    parents = {company.company_id: company.parent_company_id for company in present}
    mine = {company.company_id for company in chosen}
    return any(company_id in mine or is_descendant(company_id, mine, parents) for company_id in unlisted)


def _run(
    instance: dg.DagsterInstance,
    client: SequelClient,
    warehouse: Warehouse,
    companies: Sequence[KnownCompany],
    tasks: Sequence[Task],
    events: Mapping[str, int],
    workers: int,
    on_run: Callable[[str], None],
    raise_if_stopped: Callable[[], None],
) -> int:
    done: list[CompanyResult] = []
    with view(tasks, events) as shown:

        def receive(message: ProgressUpdate | CompanyResult) -> None:
            shown.receive(message)
            if isinstance(message, CompanyResult):
                done.append(message)
                if message.run_id:
                    on_run(message.run_id)

        try:
            if workers > 1:
                run_side_by_side(tasks, workers, receive)
            else:
                with sharing(client, warehouse):
                    _run_in_sequence(instance, client, tasks, receive, raise_if_stopped)
        except KeyboardInterrupt:
            summarize(companies, done, is_stopped=True)
            raise
        finally:
            end_lost_runs(instance)  # of workers that died
    failures = summarize(companies, done)
    for result in done:
        if result.fatal:
            raise SequelError(result.fatal)
    return SOME_FAILED if failures else DONE


def _run_in_sequence(
    instance: dg.DagsterInstance,
    client: SequelClient,
    tasks: Sequence[Task],
    receive: Callable[[ProgressUpdate | CompanyResult], None],
    raise_if_stopped: Callable[[], None],
) -> None:
    for task in tasks:
        result = CompanyResult(task)
        try:
            execute(instance, client, result, receive)
            raise_if_stopped()
            result.has_ended = True
        except KeyboardInterrupt:
            cancel_run(instance, result.run_id)
            raise
        finally:
            receive(result)
        if result.fatal:
            return
