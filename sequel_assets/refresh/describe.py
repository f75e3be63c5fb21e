"""What a person wants to see of a refreshed slice: rows, minutes, people, a few rows; never a name or an e-mail."""

from collections import Counter
from collections.abc import Collection

import sqlalchemy as sa

from sequel_assets.warehouse.bulk import Row
from sequel_assets.warehouse.engagement_tables import OF_EVENTS
from sequel_assets.warehouse.slices import SliceResult, State
from sequel_assets.warehouse.tables import ALL, event_participants

from .outcomes import Outcome, Verdict

PREVIEW_ROWS = 5
_VERDICTS = {State.CHANGED: Verdict.DONE, State.UNCHANGED: Verdict.UNCHANGED, State.SUPERSEDED: Verdict.SUPERSEDED}


def outcome_of(company_id: str, result: SliceResult, requests: int = 0, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a written slice, with its figures."""
    table = result.table
    columns = [column.name for column in table.columns]
    minutes = people = None
    if table is event_participants:
        minutes = sum(row[columns.index("engaged_minutes")] for row in result.held)
        people = len({row[columns.index("person_id")] for row in result.held})
    elif {"event_type", "engaged_minutes", "unique_users"} <= set(columns):
        whole = [row for row in result.held if row[columns.index("event_type")] == ALL]
        minutes = sum(row[columns.index("engaged_minutes")] for row in whole)
        people = sum(row[columns.index("unique_users")] for row in whole)
    return Outcome(
        company_id,
        table.name,
        result.day,
        _VERDICTS[result.state],
        rows=result.rows,
        engaged_minutes=minutes,
        people=people,
        data_through=result.data_through,
        is_final=result.is_final,
        requests=requests,
        seconds=seconds,
        preview=_preview(table, result.held, columns),
    )


def _preview(table: sa.Table, rows: Collection[Row], columns: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return a heading and first rows; of people in an event only how many there are."""
    if table is event_participants:
        return _by_event(rows, columns)
    if table in OF_EVENTS:
        counts = Counter(row[columns.index("event_id")] for row in rows)
        lines = [
            (event_id, str(count)) for event_id, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        ]
        return (("event_id", "rows"), *lines[:PREVIEW_ROWS]) if lines else ()
    personal = {column.name for column in table.columns if column.info.get("personal")}
    return _first_rows(rows, columns, personal)


def _by_event(rows: Collection[Row], columns: list[str]) -> tuple[tuple[str, ...], ...]:
    event, minutes = columns.index("event_id"), columns.index("engaged_minutes")
    people: Counter[str] = Counter(row[event] for row in rows)
    engaged: Counter[str] = Counter()
    for row in rows:
        engaged[row[event]] += row[minutes]
    lines = [
        (event_id, str(people[event_id]), str(total))
        for event_id, total in sorted(engaged.items(), key=lambda e: (-e[1], e[0]))
    ]
    return (("event_id", "people", "engaged_minutes"), *lines[:PREVIEW_ROWS]) if lines else ()


def _first_rows(rows: Collection[Row], columns: list[str], personal: Collection[str]) -> tuple[tuple[str, ...], ...]:
    shown = [place for place, name in enumerate(columns) if name not in {"company_id", "day", *personal}]
    lines = sorted(tuple("" if row[place] is None else str(row[place]) for place in shown) for row in rows)
    return (tuple(columns[place] for place in shown), *lines[:PREVIEW_ROWS]) if lines else ()
