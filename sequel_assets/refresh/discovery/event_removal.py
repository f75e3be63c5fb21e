"""Taking an event's rows out of slices, with restatements: it belongs to another company or another day now."""

from datetime import date, datetime

import sqlalchemy as sa

from sequel_assets.refresh.core.run_context import RunInfo
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.slices import replacement
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.tables.event_details import activity_totals, event_activity


def take_out(
    connection: sa.Connection,
    table: sa.Table,
    company_id: str,
    event_id: str,
    run_info: RunInfo,
    *,
    but: date | None = None,
) -> None:
    """Take an event's rows out of the slices of a dataset, of every day `but` one."""
    here = (table.c.company_id == company_id, table.c.event_id == event_id)
    days = sorted(day for day in connection.scalars(sa.select(table.c.day).where(*here).distinct()) if day != but)
    ever = datetime.max.replace(tzinfo=run_info.at.tzinfo)
    updates = [SliceUpdate(table, day, [], frozenset([event_id]), ever, accepts_loss=True) for day in days]
    replacement.replace_slices(
        connection, company_id, updates, at=run_info.at, late_window=run_info.late_window, run_id=run_info.run_id
    )
    if table is event_activity:
        t = activity_totals.c
        connection.execute(
            activity_totals.delete().where(
                t.company_id == company_id, t.event_id == event_id, among(t.day, days) if but else sa.true()
            )
        )
