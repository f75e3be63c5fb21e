"""`sequel-assets changes`: restatements: numbers of final days that changed later, old and new value, and the run."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.support.machine_output import TableFormat, print_for_machines
from sequel_assets.cli.support.terminal import UsageError, console, table
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import restatements

MAX_SHOWN = 200
HEADINGS = ("dataset", "company", "day", "key", "column", "from", "to", "seen_at", "run_id")


def changes(settings: Settings, since: date, form: TableFormat) -> int:
    """Print every change that was seen on or after a UTC day; return the exit code."""
    today = settings.clock().date()
    if since > today:
        raise UsageError(f"--since {since} is in the future; today is {today} (UTC)")
    seen = restatements.c.seen_at >= datetime.combine(since, time(), UTC)
    with stored(settings) as warehouse:
        found, count = _read(warehouse, seen, MAX_SHOWN if form is TableFormat.TABLE else None)
    if form is not TableFormat.TABLE:
        print_for_machines(form, {"since": since.isoformat(), "changes": found}, HEADINGS, found)
    elif found:
        _show(
            f"Changes of final days, seen since {since}", found, count, f"sequel-assets changes --since {since} --json"
        )
    else:
        console().print(f"No number of a final day was seen to change since {since}.")
    return 0


def show_changes_of(settings: Settings, run_ids: Collection[str]) -> None:
    """Print the numbers of final days that these runs changed."""
    today = settings.clock().date()
    with stored(settings) as warehouse:
        found, count = _read(warehouse, among(restatements.c.run_id, run_ids), MAX_SHOWN)
    if found:
        _show("Changed", found, count, f"sequel-assets changes --since {today} --json")
    else:
        console().print("No number of a final day changed.")


def _read(warehouse: Warehouse, which: sa.ColumnElement[bool], limit: int | None) -> tuple[list[dict[str, Any]], int]:
    """Return the newest restatements, ready for JSON, and the number of all of them."""
    r = restatements.c
    order = (r.seen_at.desc(), r.company_id, r.dataset, r.day, r.key, r.column_name)
    with warehouse.read() as connection:
        keys = catalog.partition_keys(connection)
        rows = connection.execute(sa.select(restatements).where(which).order_by(*order).limit(limit)).all()
        count = connection.scalar(sa.select(sa.func.count()).select_from(restatements).where(which)) or 0
    found = [
        {
            "dataset": row.dataset,
            "company": keys.get(row.company_id, row.company_id),
            "day": row.day.isoformat(),
            "key": row.key,
            "column": row.column_name,
            "from": _number(row.from_value),
            "to": _number(row.to_value),
            "seen_at": row.seen_at.isoformat(),
            "run_id": row.run_id,
        }
        for row in rows
    ]
    return found, count


def _number(value: float) -> float:
    """Return a whole number without decimals: most are minutes or people."""
    return int(value) if value == int(value) else value


def _show(title: str, found: list[dict[str, Any]], count: int, all_of_them: str) -> None:
    table(title, HEADINGS, [[record[heading] for heading in HEADINGS] for record in found])
    if count > len(found):
        console().print(f"and {count - len(found)} more; all of them: {all_of_them}")
