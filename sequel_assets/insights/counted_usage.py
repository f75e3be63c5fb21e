"""Usage of any range counted from each event's day: minutes are added, sets of people united. The facts are not read.

The same numbers as `ranges.select_usage`, which counts them from the facts. It takes the place of that one where `select_stale`
finds no day whose sets are not of its facts. `queries/usage_counts.py` runs the SELECTs; nothing here does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy import cast, null, select

from sequel_assets.insights.company_hierarchy import hierarchy_of
from sequel_assets.insights.ranges import LIVE, ON_DEMAND, Scope, minutes_within, rows_within
from sequel_assets.insights.sql import as_integer, average, rows_of
from sequel_assets.insights.unlisted import HAS_UNLISTED, known_average
from sequel_assets.warehouse.tables.core import ALL, MINUTES, event_participants, refreshes
from sequel_assets.warehouse.tables.people_sets import event_day_people
from sequel_assets.warehouse.tables.unlisted import unlisted_usage


@dataclass(frozen=True)
class UsageCount:
    """The numbers of a range: of all its events, or of one event type."""

    event_type: str
    live_minutes: int
    on_demand_minutes: int
    engaged_minutes: int
    unique_users: int
    events: int
    has_unlisted: bool


@dataclass
class _Sums:
    minutes: list[int] = field(default_factory=lambda: [0, 0, 0])
    people: BitMap = field(default_factory=BitMap)
    events: set[tuple[str, str]] = field(default_factory=set)
    has_unlisted: bool = False

    def add(self, rows: Sequence[Any]) -> None:
        sets = [BitMap.deserialize(row.people) for row in rows if row.people is not None]
        self.people = BitMap.union(self.people, *sets)
        self.events.update((row.company_id, row.event_id) for row in rows)
        self.minutes = [
            sum((int(getattr(row, name)) for row in rows), start)
            for start, name in zip(self.minutes, MINUTES, strict=True)
        ]
        self.has_unlisted = self.has_unlisted or len(sets) < len(rows)

    def count(self, event_type: str) -> UsageCount:
        live, on_demand, engaged = self.minutes
        return UsageCount(event_type, live, on_demand, engaged, len(self.people), len(self.events), self.has_unlisted)


def select_event_days(scope: Scope) -> Any:
    """Return the SELECT of the days of events with minutes in a scope; rows without `people` are beyond the lists."""
    hierarchy = hierarchy_of(scope.company_id) if scope.includes_sub_companies else None
    c = event_day_people.c
    people = {LIVE: c.live_people, ON_DEMAND: c.on_demand_people}.get(scope.engagement_type, c.engaged_people)
    nobody = cast(null(), sa.LargeBinary)
    listed = minutes_within(event_day_people, people.label("people"), scope, hierarchy)
    beyond = minutes_within(unlisted_usage, nobody.label("people"), scope, hierarchy)
    return listed.union_all(beyond)


def select_stale(scope: Scope) -> Any:
    """Return the SELECT of a day of the scope whose sets of people are not of its facts; no row where there is none."""
    r, (source, here) = refreshes.c, rows_within(refreshes, scope)
    is_stale = r.people_checksum.is_distinct_from(r.checksum)
    of_facts = (r.dataset == event_participants.name, *here, r.rows > 0)
    return select(r.day).select_from(source).where(*of_facts, is_stale).limit(1)


def count_usage(parts: Iterable[Sequence[Any]], event_type: str) -> list[UsageCount]:
    """Return the numbers of all rows of `select_event_days`, and with all event types those of each of them. Pure.

    The rows come in parts, whose sets are united together: some thousand take no more time and less memory than all.
    """
    of_type: dict[str, _Sums] = {}
    for some in parts:
        for kind in dict.fromkeys(row.event_type for row in some):
            of_type.setdefault(kind, _Sums()).add([row for row in some if row.event_type == kind])
    each = list(of_type.values())
    total = _Sums(
        [sum(one.minutes[place] for one in each) for place in range(len(MINUTES))],
        BitMap.union(BitMap(), *(one.people for one in each)),
        set().union(*(one.events for one in each)),
        any(one.has_unlisted for one in each),
    )
    return [
        total.count(event_type),
        *([] if event_type != ALL else [of_type[kind].count(kind) for kind in sorted(of_type)]),
    ]


def select_counted(counts: Sequence[UsageCount]) -> sa.Select[Any]:
    """Return the SELECT of numbers that were counted, with the columns of `ranges.select_usage`."""
    names = ("event_type", *MINUTES, "unique_users", "events", "unlisted")
    kinds = {name: sa.Text if name == "event_type" else sa.BigInteger for name in names}
    values = [
        (str(one.event_type), one.live_minutes, one.on_demand_minutes, one.engaged_minutes, one.unique_users, one.events, int(one.has_unlisted))
        for one in counts
    ]  # fmt: skip
    n = rows_of(None, kinds, values).c
    has_unlisted = n.unlisted > 0
    per_person = known_average(has_unlisted, average(as_integer(n.engaged_minutes), as_integer(n.unique_users)))
    return select(
        n.event_type,
        *(as_integer(n[name]).label(name) for name in (*MINUTES, "unique_users")),
        per_person.label("average_engaged_minutes"),
        as_integer(n.events).label("events"),
        has_unlisted.label(HAS_UNLISTED),
    ).order_by(n.event_type)
