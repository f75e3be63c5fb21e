"""What a person wants to see of a refreshed slice: rows, minutes, people, a few rows; never a name or an e-mail."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

import sqlalchemy as sa

from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.slices.decisions import NOBODY, SliceState
from sequel_assets.warehouse.slices.replacement import SliceResult
from sequel_assets.warehouse.tables.core import ALL, event_participants
from sequel_assets.warehouse.tables.event_details import OF_EVENTS

PREVIEW_ROWS = 5
_VERDICTS = {
    SliceState.CHANGED: SliceStatus.DONE,
    SliceState.UNCHANGED: SliceStatus.UNCHANGED,
    SliceState.SUPERSEDED: SliceStatus.SUPERSEDED,
}


def outcome_of(company_id: str, result: SliceResult, requests: int = 0, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a written slice, with its figures."""
    bare = Outcome(
        company_id,
        result.table.name,
        result.day,
        _VERDICTS[result.state],
        rows=result.rows,
        data_through=result.data_through,
        is_final=result.is_final,
        requests=requests,
        seconds=seconds,
    )
    return with_figures(bare, result.table, result.stored_rows)


def with_figures(outcome: Outcome, table: sa.Table, rows: Collection[Row]) -> Outcome:
    """Return an outcome with the minutes, people and preview of the rows that its slice has."""
    columns = [column.name for column in table.columns]
    minutes = people = None
    if table is event_participants:
        minutes = sum(row[columns.index("engaged_minutes")] for row in rows)
        people = len({row[columns.index("person_id")] for row in rows} - {NOBODY})
    elif {"event_type", "engaged_minutes", "unique_users"} <= set(columns):
        whole = [row for row in rows if row[columns.index("event_type")] == ALL]
        minutes = sum(row[columns.index("engaged_minutes")] for row in whole)
        people = sum(row[columns.index("unique_users")] for row in whole)
    return replace(outcome, engaged_minutes=minutes, people=people, preview=_preview(table, rows, columns))


def _preview(table: sa.Table, rows: Collection[Row], columns: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return a heading and first rows; of people only how many there are: erasure does not reach Dagster's event log."""
    if "person_id" in columns or table in OF_EVENTS:
        return _counted(rows, columns)
    personal = {column.name for column in table.columns if column.info.get("personal")}
    return _first_rows(rows, columns, personal)


def _counted(rows: Collection[Row], columns: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return rows and engaged minutes by event or period, the most first; nothing where people stand for themselves."""
    by = next((name for name in ("event_id", "period") if name in columns), None)
    if by is None or not rows:
        return ()
    place, has_minutes = columns.index(by), "engaged_minutes" in columns
    who = columns.index("person_id") if "person_id" in columns else None
    counts = Counter(row[place] for row in rows if who is None or row[who] != NOBODY)
    minutes = Counter[str]()
    for row in rows if has_minutes else ():
        minutes[row[place]] += row[columns.index("engaged_minutes")]
    lines = sorted(counts, key=lambda one: (-minutes[one], -counts[one], one))[:PREVIEW_ROWS]
    if has_minutes:
        return (by, "people", "engaged_minutes"), *((one, str(counts[one]), str(minutes[one])) for one in lines)
    return (by, "rows"), *((one, str(counts[one])) for one in lines)


def _first_rows(rows: Collection[Row], columns: list[str], personal: Collection[str]) -> tuple[tuple[str, ...], ...]:
    shown = [place for place, name in enumerate(columns) if name not in {"company_id", "day", *personal}]
    lines = sorted(tuple(_text(row[place]) for place in shown) for row in rows)
    return (tuple(columns[place] for place in shown), *lines[:PREVIEW_ROWS]) if lines else ()


def _text(value: object) -> str:
    """Return a value as text; a number looks the same whether it was just derived or read from its table."""
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, float | Decimal) else str(value)
