"""User activity: every page of an event, overlaps resolved, verified by `totalCount`, one row per person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sequel_assets.refresh.datasets.endpoint import REFRESHED, Endpoint, EventRequest, InvalidEventData, Rows
from sequel_assets.refresh.datasets.people_without_email import ListEntry
from sequel_assets.sequel import Activity, Duration, SequelClient
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.tables.dataset import Dataset, Subject
from sequel_assets.warehouse.tables.event_details import activity_totals, event_activity

T = TypeVar("T", int, float, datetime)
PAGE_SIZE = 100
MAX_PAGES = 2000
"""More than any event has; a page that never ends is refused after them."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def fetch_activity(client: SequelClient, request: EventRequest) -> Rows:
    """Return the rows of everybody in an event."""
    entries = everybody_in(client, request.event.event_id)
    rows = Rows()
    by_person: dict[str, list[Activity]] = {}
    listed = [ListEntry(entry.email, entry.name, _mark(entry)) for entry in entries]
    for who, entry in zip(rows.everybody(request, listed), entries, strict=True):
        by_person.setdefault(who, []).append(entry)
        rows.outside.update(entry.outside)
    for who, theirs in by_person.items():
        rows.add(event_activity, _row(request, who, theirs))
    rows.add(activity_totals, (*request.start, len(entries)))
    return rows


def everybody_in(client: SequelClient, event_id: str) -> list[Activity]:
    """Return every entry of an event. A list that does not come to its `totalCount` is fetched once more from the start."""
    everybody = _everybody(client, event_id)
    if not everybody.is_verified:
        everybody = _everybody(client, event_id)
    if not everybody.is_verified:
        raise InvalidEventData(f"its user activity {everybody}, fetched twice")
    return everybody.entries


def _mark(entry: Activity) -> str:
    """Return what identifies somebody who has no e-mail: the user, else the entry; one never reads like the other."""
    return f"user {entry.user_id}" if entry.user_id is not None else f"entry {entry.uid}"


@dataclass(frozen=True)
class _Everybody:
    """The entries of one run through the pages, and the `totalCount` of the last page."""

    entries: list[Activity]
    total: int
    before: int = 0
    """The `totalCount` of the page before."""

    @property
    def is_verified(self) -> bool:
        """Say whether these are all, and nothing else.

        Where the count fell, an entry went between two pages: it may be among these still, and another has slipped from
        the page to come onto one that was read. As many as there are to be would then be the wrong ones.
        """
        return len(self.entries) == self.total >= self.before

    def __str__(self) -> str:
        """Return the numbers that speak against it."""
        fell = f", after {self.before} on the page before" if self.total < self.before else ""
        return f"lists {len(self.entries)} entries, and totalCount says {self.total}{fell}"


def _everybody(client: SequelClient, event_id: str) -> _Everybody:
    """Return each entry once, the newest of each.

    Rows may arrive between two pages and push others onto the next one; so it ends when as many are known as there are
    to be, or when a page has brought nothing new; and as soon as there are fewer than there were.
    """
    found: dict[tuple[str | None, str | None], Activity] = {}
    last_total = 0
    for page in range(1, MAX_PAGES + 1):
        response = client.user_activity(event_id, page=page, count=PAGE_SIZE)
        known = len(found)
        for entry in response.items:
            uid = (entry.uid, None) if entry.uid is not None else (None, entry.user_id)
            before = found.get(uid)
            if before is None or (entry.updated_on or _LONG_AGO) >= (before.updated_on or _LONG_AGO):
                found[uid] = entry
        if len(found) >= response.total_count or len(found) == known or response.total_count < last_total:
            return _Everybody(list(found.values()), response.total_count, last_total)
        last_total = response.total_count
    raise InvalidEventData(f"its user activity has no end: more than {MAX_PAGES} pages of {PAGE_SIZE}")


def _row(request: EventRequest, who: str, entries: Sequence[Activity]) -> Row:
    """Return one person's row: of several entries what was done is added up, of scores the largest counts."""
    entries = sorted(entries, key=lambda entry: (entry.updated_on or _LONG_AGO, entry.uid or entry.user_id or ""))

    def each(field: str) -> list[T]:
        return [value for entry in entries if (value := getattr(entry, field)) is not None]

    def of(choose: Callable[[list[T]], T], field: str) -> T | None:
        values: list[T] = each(field)
        return choose(values) if values else None

    def raw(times: Sequence[Duration]) -> str | None:
        return " + ".join(time.raw for time in times) or None

    live = [entry.live_time for entry in entries if entry.live_time is not None]
    on_demand = [entry.on_demand_time for entry in entries if entry.on_demand_time is not None]
    statuses = [entry.lead_status for entry in entries if entry.lead_status is not None]
    return (
        *request.start,
        who,
        len(entries),
        of(any, "attended"),
        of(any, "viewed_replay"),
        raw(live),
        raw(on_demand),
        sum(time.minutes for time in live) if live else None,
        sum(time.minutes for time in on_demand) if on_demand else None,
        of(sum, "live_time_spent_percentage"),
        of(sum, "on_demand_time_spent_percentage"),
        of(max, "average_live_view_time"),
        of(max, "average_on_demand_view_time"),
        of(sum, "circles_number"),
        of(sum, "comments"),
        of(sum, "polls_number"),
        of(sum, "questions_number"),
        of(sum, "messages_reactions_count"),
        of(max, "lead_score"),
        of(max, "raw_lead_score"),
        statuses[-1] if statuses else None,
        of(max, "engagement_score"),
        of(min, "registration_date"),
        of(max, "updated_on"),
    )


EVENT_ACTIVITY = Dataset(
    table=event_activity,
    subject=Subject.EVENT_DETAILS,
    answers="Who registered for an event, came, watched, commented, asked and answered, and how does Sequel score them?",
    grain="one row per company, day on which the event starts, stage event and person who registered or came",
    source="POST /events/{eventId}/user-activity (observed), every page, verified by its totalCount",
    refreshed=f"{REFRESHED}; what is watched later stands in event_participants",
    example="SELECT event_id, count(registered_at) AS registered, sum(CASE WHEN attended THEN 1 ELSE 0 END) AS attended "
    "FROM event_activity GROUP BY event_id",
)
ACTIVITY = Endpoint("user activity", (EVENT_ACTIVITY,), fetch_activity, {event_activity.name: activity_totals})
