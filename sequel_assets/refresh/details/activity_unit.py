"""Are the times of the user activity minutes? Compared with the live minutes of the same events, which are verified.

For a refresh that does not know the unit from `sequel-assets doctor`. It requests nothing. Activity whose times are of
another magnitude fails by name, with all of it that came with it: a unit is the account's, not the event's.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import sqlalchemy as sa

from sequel_assets.refresh.core.api_profile import to_find_out
from sequel_assets.refresh.datasets.endpoint import EventRequest, FetchFailure, FetchResult
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets.warehouse.tables.event_details import event_activity

FACTOR = 30
"""Seconds for minutes are 60 times as many; minutes that somebody has not stored yet are no such factor."""
LIVE = list(event_activity.c.keys()).index(event_activity.c.live_minutes.name)


def with_unit_verified(
    connection: sa.Connection,
    company_id: str,
    requests: Mapping[str, EventRequest],
    fetched: Mapping[str, FetchResult],
) -> dict[str, FetchResult]:
    """Return what was fetched, all of it failed where the times of an event are not minutes."""
    times = {
        event_id: sum(row[LIVE] or 0 for row in one.rows.by_table.get(event_activity, ()))
        for event_id, one in fetched.items()
        if one.rows is not None and _is_within_a_day(requests[event_id])
    }
    stored = _stored_live_minutes(connection, company_id, [event_id for event_id, live in times.items() if live])
    wrong = sorted(event_id for event_id, minutes in stored.items() if is_other_unit(times[event_id], minutes))
    if not wrong:
        return dict(fetched)
    event_id = wrong[0]
    why = (
        f"the times of the user activity are no minutes: those of {event_id} come to {times[event_id]:,}, its live "
        f"minutes to {stored[event_id]:,}; {to_find_out(event_id)}"
    )
    return {
        one: result if result.rows is None else replace(result, rows=None, failure_kind=FetchFailure.FAILED, reason=why)
        for one, result in fetched.items()
    }


def is_other_unit(times: float, minutes: int) -> bool:
    """Say whether the times of an event cannot be its minutes. Pure."""
    return minutes > 0 and times > 0 and not minutes / FACTOR < times < minutes * FACTOR


def _is_within_a_day(request: EventRequest) -> bool:
    """Say whether all live minutes of an event belong to the day of its slice."""
    ends = request.event.ends_at
    return ends is not None and ends.date() == request.day


def _stored_live_minutes(connection: sa.Connection, company_id: str, event_ids: Collection[str]) -> dict[str, int]:
    f = event_participants.c
    query = (
        sa.select(f.event_id, sa.func.sum(f.live_minutes))
        .where(f.company_id == company_id, among(f.event_id, event_ids))
        .group_by(f.event_id)
    )
    return {event_id: int(minutes) for event_id, minutes in connection.execute(query)} if event_ids else {}
