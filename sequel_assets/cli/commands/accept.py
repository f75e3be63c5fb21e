"""`sequel-assets accept`: let final days through of which Sequel now returns less than half of the minutes."""

from datetime import date

import sqlalchemy as sa

from sequel_assets.cli.backfill.command import backfill
from sequel_assets.cli.commands.changes import show_changes_of
from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.terminal import console, table
from sequel_assets.orchestration.run_tags import ACCEPT
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core.outcomes import UNTIL_ACCEPTED
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import problems


def accept(settings: Settings, first: date, last: date, company: str, *, is_dry: bool) -> int:
    """Refresh a company's days even where they lose minutes, print what changed, and return the exit code.

    A dry run prints which of the days are quarantined and why; it makes no request and changes nothing.
    """
    if is_dry:
        return _show_quarantined(settings, first, last, company)
    runs: list[str] = []
    try:
        return backfill(settings, first, last, [company], modes=[ACCEPT], on_run=runs.append)
    finally:
        if runs:
            show_changes_of(settings, runs)


def _show_quarantined(settings: Settings, first: date, last: date, company: str) -> int:
    p = problems.c
    columns = (p.day, p.dataset, p.event_id, p.reason, p.since)
    with stored(settings) as warehouse, warehouse.read() as connection:
        (chosen,) = choose(catalog.known_companies(connection), [company])
        where = (p.company_id == chosen.company_id, p.day.between(first, last), p.reason.contains(UNTIL_ACCEPTED))
        held = connection.execute(sa.select(*columns).where(*where).order_by(p.day, p.dataset, p.event_id)).all()
    if not held:
        console().print(f"Nothing of {chosen.partition_key} is quarantined from {first} to {last}.")
        return 0
    rows = [(str(row.day), row.dataset, row.event_id, row.reason, f"{row.since:%Y-%m-%d %H:%M}") for row in held]
    table(f"Quarantined at {chosen.partition_key}", ("day", "dataset", "event", "why", "since (UTC)"), rows)
    console().print(
        "Without --dry-run these days are requested again and what Sequel answers is stored. Nothing was changed."
    )
    return 0
