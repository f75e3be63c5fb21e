"""`sequel-assets inbox` and `replay`: list the notifications of webhooks, and put them back to be handled once more.

Listing never changes a notification; `replay` is the only one of the two that writes.
"""

from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.support.arguments import one_line
from sequel_assets.cli.support.machine_output import TableFormat, print_for_machines
from sequel_assets.cli.support.terminal import TO_THE_SECOND, PreparedLine, UsageError, console, shortened, table
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog, notifications
from sequel_assets.warehouse.tables.webhooks import inbox as inbox_table
from sequel_assets.webhooks.processing.actions import REASONS
from sequel_assets.webhooks.processing.decisions import BACK_OFF
from sequel_assets.webhooks.processing.pending import UnderWay, plan_and_close

MAX_SHOWN = 100
HEADINGS = ("received_at", "company", "event_type", "event_id", "batch", "verdict", "state", "run_id")
EXAMPLE = "a day (UTC) such as 2026-11-23, or a time such as 2026-11-23T14:20Z"


def inbox(settings: Settings, since: datetime | None, *, waits_only: bool, form: TableFormat) -> int:
    """Print the notifications, newest first, with the state of each; return the exit code."""
    i = inbox_table.c
    chosen = [i.received_at >= since] if since else []
    chosen += [i.handled_at.is_(None)] if waits_only else []
    with stored(settings) as warehouse:
        count, found = _read(settings, warehouse, chosen, MAX_SHOWN if form is TableFormat.TABLE else None)
    if form is not TableFormat.TABLE:
        print_for_machines(form, {"hints": found}, HEADINGS, found)
    elif found:
        table(
            "Inbox",
            HEADINGS,
            [
                [
                    PreparedLine(record[name]) if name == "state" else shortened(record[name], TO_THE_SECOND)
                    for name in HEADINGS
                ]
                for record in found
            ],
        )
        if count > len(found):
            console().print(f"and {count - len(found)} older; all of them: sequel-assets inbox --json")
    else:
        console().print("The inbox holds no notification" + (" that waits." if waits_only else "."))
    return 0


def replay(settings: Settings, since: datetime, event_id: str | None) -> int:
    """Put handled or failed notifications back, and print how many; return the exit code."""
    now = settings.clock()
    if since > now:
        raise UsageError(f"--since {since:%Y-%m-%dT%H:%M}Z is in the future; it is {now:%Y-%m-%dT%H:%M}Z")

    def put_back(connection: sa.Connection) -> int:
        i = inbox_table.c
        if event_id is not None and not connection.scalar(sa.select(sa.func.count()).where(i.event_id == event_id)):
            raise UsageError(f"--event {one_line(event_id)}: no notification in the inbox names this event")
        return notifications.put_back(connection, since, event_id, at=now)

    with stored(settings, writes=True) as warehouse:
        count = warehouse.change(put_back, only_if_undone=True)
    console().print(
        f"{count} notifications were put back; the sensors process them, and the batches of one event are one refresh."
        if count
        else f"No notification since {since:%Y-%m-%d %H:%M} UTC was handled or tried in vain, so none was put back."
    )
    return 0


def parse_time(text: str, option: str) -> datetime:
    """Return a time in UTC; a day stands for its beginning. Anything else is refused by the name of the option."""
    try:
        if len(text) == len("2026-11-23"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {one_line(text)}: it must be {EXAMPLE}") from None


def _read(
    settings: Settings, warehouse: Warehouse, chosen: list[sa.ColumnElement[bool]], limit: int | None
) -> tuple[int, list[dict[str, Any]]]:
    i = inbox_table.c
    states = _states(settings, warehouse)
    with warehouse.read() as connection:
        names = catalog.partition_keys(connection)
        count = connection.scalar(sa.select(sa.func.count()).select_from(inbox_table).where(*chosen)) or 0
        rows = connection.execute(sa.select(inbox_table).where(*chosen).order_by(i.id.desc()).limit(limit)).all()
    return count, [
        {
            "id": row.id,
            "received_at": row.received_at.isoformat(),
            "company": names.get(row.company_id, row.company_id),
            "event_type": row.event_type,
            "event_id": row.event_id,
            "batch": f"{row.page}" + (f" of {row.pages}" if row.pages else "") if row.page is not None else None,
            "verdict": row.verdict.replace("_", " "),
            "state": _state(row, states),
            "run_id": row.run_id,
            "sent_at": row.sent_at.isoformat() if row.sent_at else None,
            "refreshed_at": row.refreshed_at.isoformat() if row.refreshed_at else None,
            "handled_at": row.handled_at.isoformat() if row.handled_at else None,
            "correlation_id": row.correlation_id,
        }
        for row in rows
    ]


def _states(settings: Settings, warehouse: Warehouse) -> dict[tuple[Any, ...], str]:
    """Return what each waiting notification is waiting for; nothing is changed."""
    rules, now = config.rules(settings), settings.clock()
    i = inbox_table.c
    lately = (i.handled_at.is_(None), i.tried_at > now - BACK_OFF[0])
    with warehouse.read() as connection:
        taken_up = connection.scalars(sa.select(i.run_id).where(*lately).distinct())
        at = UnderWay(frozenset(run_id for run_id in taken_up if run_id is not None))
    steps = [step for reason in REASONS for step in plan_and_close(warehouse, reason, now, rules, at, closes=False)]
    return {
        (s.notification.company_id, s.notification.event_type, s.notification.event_id, s.notification.run_id): s.reason
        for s in steps
    }


def _state(row: Any, states: dict[tuple[Any, ...], str]) -> str:
    if row.handled_at is not None:
        return f"handled: {row.outcome}"
    reason = states.get((row.company_id, row.event_type, row.event_id, row.run_id), "its sensor has not looked yet")
    return f"waits: {reason}" + ("; put back" if row.replayed_at else "")
