"""`sequel-assets backfill`: real Dagster runs, one per company, each over a range of days, several side by side."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import date

import dagster as dg

from sequel_assets.cli.backfill.company_run import CompanyResult, Task, Tick, execute
from sequel_assets.cli.backfill.frozen import leave_out_frozen, refuse_unknown_companies
from sequel_assets.cli.backfill.pool import how_many, run_side_by_side
from sequel_assets.cli.backfill.progress import view
from sequel_assets.cli.backfill.summary import summarize
from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.dagster_home import dagster_home, dagster_instance, end_lost_runs, is_used
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.cli.support.terminal import UsageError, errors
from sequel_assets.cli.support.warehouse import stored_companies
from sequel_assets.orchestration.assets.catalog_refresh import find_events, look_for_companies, store_companies
from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.orchestration.resources import NEEDED, Platform
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.datasets import COMPANIES, EVENTS
from sequel_assets.refresh.discovery.companies import WalkFinding, is_descendant
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
    tell_run: Callable[[str], None] = lambda _: None,
) -> int:
    """Refresh every slice of the companies and days, print how it went, and return the exit code.

    `modes` are tags of the runs that change what they ask; `workers` is how many processes work side by side (by
    default as many as there are cores, up to a few; 1: this one alone); `tell_run` is told the id of each run.
    """
    settings.require(*NEEDED)
    known = stored_companies(settings)
    with stoppable() as raise_if_stopped, config.open_client(settings) as client, ExitStack() as stack:
        instance = stack.enter_context(dagster_instance()) if is_used(dagster_home()) else None
        found = _look(settings, client, instance, known)
        companies = choose(found.present, wanted)  # whatever is refused is refused before anything is made
        refuse_unknown_companies(settings, found.present)
        warehouse = config.open_warehouse(settings)
        stack.callback(warehouse.dispose)
        schema.create_if_empty(warehouse)
        warehouse.ensure_writable()
        instance = instance or stack.enter_context(dagster_instance())
        unlisted = _store(settings, client, warehouse, instance, found)
        left = leave_out_frozen(settings, warehouse, companies, first, last)
        tasks = [
            Task(company, left.firsts[company.company_id], last, dict.fromkeys(modes, "true"))
            for company in companies
            if company.company_id in left.firsts
        ]
        number = how_many(workers, tasks, settings.max_concurrency)
        events = _events(warehouse, tasks)
        code = _run(instance, client, companies, tasks, events, number, tell_run, raise_if_stopped)
        left.tell()
        is_partial = concerned(unlisted, companies, found.present) if wanted else bool(unlisted)
        return SOME_FAILED if is_partial else code


def _events(warehouse: Warehouse, tasks: Sequence[Task]) -> dict[str, int]:
    with warehouse.read() as connection:
        known = {task.company.company_id: catalog.known_events(connection, task.company.company_id) for task in tasks}
    return {
        company_id: sum(event.vanished_at is None for event in theirs.values()) for company_id, theirs in known.items()
    }


def _look(
    settings: Settings, client: SequelClient, instance: dg.DagsterInstance | None, known: Sequence[KnownCompany]
) -> WalkFinding:
    """Walk the tree and store nothing; whatever is wrong with the account shows here."""
    try:
        client.company(settings.company_id or "")
    except NotFound:
        raise UsageError(
            f"SEQUEL_COMPANY_ID: Sequel knows no company {settings.company_id} (404); nothing was written; check the id and the account"
        ) from None
    keys = instance.get_dynamic_partitions(COMPANY) if instance else []
    return look_for_companies(settings, client, known, keys)


def _store(
    settings: Settings, client: SequelClient, warehouse: Warehouse, instance: dg.DagsterInstance, found: WalkFinding
) -> set[str]:
    """Store the companies and their events, say what of them could not be told, and return whose lists that were."""
    everyone = store_companies(settings, warehouse, instance, found)
    keys = {company.company_id: company.partition_key for company in everyone}
    for company_id, note in found.notes.items():
        errors().print(as_line(f"{keys[company_id]}: {note.reason}"))
    failed = find_events(Platform(), client, warehouse, everyone, None)
    for key, reason in failed.items():
        errors().print(as_line(f"{key}: its events cannot be listed: {reason}"))
    for dataset in (COMPANIES, EVENTS)[: 1 if failed else 2]:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(dataset.name, description="by sequel-assets backfill")
        )
    return {company_id for company_id, key in keys.items() if key in failed or company_id in found.unread}


def concerned(unlisted: Collection[str], chosen: Sequence[KnownCompany], present: Sequence[KnownCompany]) -> bool:
    """Say whether a company whose lists could not be had is one of those that were chosen, or stands beneath one. Pure."""
    parents = {company.company_id: company.parent_company_id for company in present}
    mine = {company.company_id for company in chosen}
    return any(company_id in mine or is_descendant(company_id, mine, parents) for company_id in unlisted)


def _run(
    instance: dg.DagsterInstance,
    client: SequelClient,
    companies: Sequence[KnownCompany],
    tasks: Sequence[Task],
    events: Mapping[str, int],
    workers: int,
    tell_run: Callable[[str], None],
    raise_if_stopped: Callable[[], None],
) -> int:
    done: list[CompanyResult] = []
    with view(tasks, events) as shown:

        def hear(news: Tick | CompanyResult) -> None:
            shown.hear(news)
            if isinstance(news, CompanyResult):
                done.append(news)
                if news.run_id:
                    tell_run(news.run_id)

        try:
            if workers > 1:
                run_side_by_side(tasks, workers, client.config.max_concurrency, hear)
            else:
                _one_after_the_other(instance, client, tasks, hear, raise_if_stopped)
        except KeyboardInterrupt:
            summarize(companies, done, is_stopped=True)
            raise
        finally:
            end_lost_runs(instance)  # of workers that died
    failures = summarize(companies, done)
    for told in done:
        if told.fatal:
            raise SequelError(told.fatal)
    return SOME_FAILED if failures else DONE


def _one_after_the_other(
    instance: dg.DagsterInstance,
    client: SequelClient,
    tasks: Sequence[Task],
    hear: Callable[[Tick | CompanyResult], None],
    raise_if_stopped: Callable[[], None],
) -> None:
    for task in tasks:
        told = CompanyResult(task)
        try:
            execute(instance, client, told, hear)
        finally:
            hear(told)
        raise_if_stopped()
        if told.fatal:
            return
