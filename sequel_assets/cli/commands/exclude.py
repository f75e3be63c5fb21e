"""`sequel-assets exclude`: exclude an event that will never answer, or include it once more.

An excluded event is not requested any more, so that it cannot fail its company's days for ever. Its stored rows are
never deleted.
"""

import sqlalchemy as sa

from sequel_assets.cli.support.arguments import choose, one_line
from sequel_assets.cli.support.terminal import UsageError, console
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import events


def exclude(settings: Settings, company: str, event_id: str, reason: str) -> int:
    """Exclude an event of a company, print the consequences, and return the exit code."""
    why = one_line(reason)
    if not why:
        raise UsageError(
            "--reason: say in a few words why the event is excluded; it is shown wherever its numbers are missing"
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
        f"{event_id} of {chosen.partition_key} is excluded: it is not requested any more, and status shows it. Its "
        "stored rows stay and count; its problems go with the next refresh of their days, at their close or by "
        "sequel-assets backfill (--force where they are final).",
    )
    return 0


def include(settings: Settings, company: str, event_id: str) -> int:
    """Include an excluded event, print the consequences, and return the exit code."""
    with stored(settings, writes=True) as warehouse:
        with warehouse.read() as connection:
            chosen = choose(catalog.known_companies(connection), [company])[0]
            excluded = catalog.excluded_events(connection, chosen.company_id)
        if event_id not in excluded:
            out = ", ".join(sorted(excluded)) or "none"
            raise UsageError(
                f"--event {one_line(event_id)}: {chosen.partition_key} has not excluded it; excluded are: {out}"
            )
        warehouse.change(
            lambda connection: catalog.include_event(connection, chosen.company_id, event_id), chosen.company_id
        )
    console().print(
        f"{event_id} of {chosen.partition_key} is included: the next refresh requests it; for final days that lack it "
        "run sequel-assets backfill --force.",
    )
    return 0


def _check_event(connection: sa.Connection, company: KnownCompany, event_id: str) -> None:
    if event_id in catalog.known_events(connection, company.company_id):
        return
    owner_id = connection.scalar(sa.select(events.c.company_id).where(events.c.event_id == event_id))
    owners = catalog.partition_keys(connection)
    where = f"; it belongs to {owners[owner_id]}" if owner_id in owners else ""
    raise UsageError(
        f"--event {one_line(event_id)}: {company.partition_key} has no such event{where}; the table events has the ids "
        f"and names of all (company_id is {company.company_id}), and status names those that have a problem"
    )
