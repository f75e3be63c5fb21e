"""`sequel-assets exclude`: rule an event out that will never answer, or take it back in."""

import sqlalchemy as sa

from sequel_assets.cli.support.arguments import choose, one_line
from sequel_assets.cli.support.terminal import UsageError, console
from sequel_assets.cli.support.warehouse import stored
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import events


def exclude(settings: Settings, company: str, event_id: str, reason: str) -> int:
    """Rule an event of a company out, say what that means, and return the exit code."""
    why = one_line(reason)
    if not why:
        raise UsageError(
            "--reason: say in a few words why the event is ruled out; it is shown wherever its numbers lack"
        )
    with stored(settings, writes=True) as warehouse:
        with warehouse.read() as connection:
            chosen = choose(catalog.known_companies(connection), [company])[0]
            _check_event(connection, chosen, event_id)
        now = settings.clock()
        warehouse.change(
            lambda connection: catalog.exclude_event(connection, chosen.company_id, event_id, why, at=now),
            chosen.company_id,
        )
    console().print(
        f"{event_id} of {chosen.partition_key} is ruled out: it is not asked any more, and status shows it. Its stored rows "
        "stay and count; its problems go with the next refresh of their days, at their close or by sequel-assets backfill (--force where they are final).",
    )
    return 0


def include(settings: Settings, company: str, event_id: str) -> int:
    """Take an event back in, say what that means, and return the exit code."""
    with stored(settings, writes=True) as warehouse:
        with warehouse.read() as connection:
            chosen = choose(catalog.known_companies(connection), [company])[0]
            excluded = catalog.excluded_events(connection, chosen.company_id)
        if event_id not in excluded:
            out = ", ".join(sorted(excluded)) or "none"
            raise UsageError(
                f"--event {one_line(event_id)}: {chosen.partition_key} has not ruled it out; ruled out are: {out}"
            )
        warehouse.change(
            lambda connection: catalog.include_event(connection, chosen.company_id, event_id), chosen.company_id
        )
    console().print(
        f"{event_id} of {chosen.partition_key} is taken back in: the next refresh asks it again; final days that lack it: "
        "sequel-assets backfill --force.",
    )
    return 0


def _check_event(connection: sa.Connection, company: KnownCompany, event_id: str) -> None:
    if event_id in catalog.known_events(connection, company.company_id):
        return
    owner_id = connection.scalar(sa.select(events.c.company_id).where(events.c.event_id == event_id))
    owners = catalog.partition_keys(connection)
    where = f"; it belongs to {owners[owner_id]}" if owner_id in owners else ""
    raise UsageError(
        f"--event {one_line(event_id)}: {company.partition_key} has no such event{where}; the table events has the ids and "
        f"names of all (company_id is {company.company_id}), and status names those that stand as a problem"
    )
