"""Finds events that Sequel's list leaves out. The list is one response, so a cap would hide events without an error.

The same events are listed by windows of dates, a year each. An event that only a window shows means that there is a
cap.
"""

from datetime import datetime

import sqlalchemy as sa

from sequel_assets.reconciliation.decisions import windows
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.stores import problems
from sequel_assets.warehouse.stores.problems import Problem, ProblemKind
from sequel_assets.warehouse.tables.core import events
from sequel_assets.warehouse.tables.core import problems as problems_table

REASON = (
    "Sequel caps its list of events: it shows this one only when dates are given; its minutes are missing here, "
    "ask Sequel's support to lift the cap"
)


def hidden_events(client: SequelClient, company_id: str, first_year: int, last_year: int) -> list[str]:
    """Return the events that windows of dates show and the complete list does not."""
    seen = {
        event.uid
        for first, last in windows((first_year, last_year))
        for event in client.events(company_id, start_date=first, end_date=last)
    }
    for _ in (1, 2):  # an event may come or go in between
        seen -= {event.uid for event in client.events(company_id)}
        if not seen:
            break
    return sorted(seen)


@repeats
def note_hidden(warehouse: Warehouse, company_id: str, event_ids: list[str], *, at: datetime) -> None:
    """Replace the problems of the company's hidden events, each under the day on which it was found.

    The problems without a day belong to the hourly listing, which knows nothing of windows.
    """
    p = problems_table.c
    query = sa.select(p.event_id, p.day).where(p.company_id == company_id, p.kind == ProblemKind.LIST_CAP)
    standing = warehouse.ask(lambda connection: connection.execute(query).all())
    since = {row.event_id: row.day for row in standing}
    notes = [
        Problem(company_id, events.name, REASON, since.get(event_id, at.date()), event_id, ProblemKind.LIST_CAP)
        for event_id in event_ids
    ]
    days = dict.fromkeys({at.date(), *since.values()})
    problems.replace_problems(warehouse, company_id, {events.name: days}, notes, at=at)
