"""Random histories of a company for Hypothesis: days landed in any order, restated, moved, erased, lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from hypothesis import strategies as st

from sequel_assets.refresh.discovery.event_removal import take_out
from sequel_assets.refresh.transform.derive import OWN_INSIGHTS
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import drop_slices, replace_slices, sum_up
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants, metadata
from sequel_assets.warehouse.tables.event_details import event_activity
from sequel_assets_tests.refresh.transform.derived import MOMENT, THROUGH
from sequel_assets_tests.support.rows import (
    ACME,
    AT,
    HUB,
    LATE,
    STAGE,
    day,
    empty,
    hour,
    known_company,
    known_event,
    participant,
)

KINDS = {"e1": STAGE, "e2": STAGE, "e3": STAGE, "h1": HUB}
LAST = 6
AS_OF = tuple(insight for insight in OWN_INSIGHTS if insight.as_of)


@dataclass(frozen=True)
class Landing:
    """A day's facts as they are now, and the events that have minutes beyond the lists: the first time or a restatement."""

    number: int
    seen: frozenset[tuple[str, str, int]] = frozenset()
    beyond: frozenset[str] = frozenset()

    def do(self, warehouse: Warehouse) -> None:
        """Replace the day's slices; some people registered for what starts on it."""
        on = day(self.number)
        facts = [participant(event, who, minutes, on=on, kind=KINDS[event]) for event, who, minutes in self._each()]
        unlisted = [(ACME, on, event, KINDS[event], 3, 1, 4, 1, 1, 2) for event in sorted(self.beyond)]
        starts = [event for event, kind in KINDS.items() if kind == STAGE and start_of(event) == self.number]
        activity = [{"event_id": event, "person_id": who, "entries": 1, "registered_at": hour(24 * self.number + 30 * n), "polls": n}
                    for event in starts for n, who in enumerate("ab")]  # fmt: skip
        minutes = [
            (ACME, on, event, hour(24 * self.number + 9), 2 * n + self.number)
            for n, event in enumerate(sorted({row[2] for row in facts if row[4] == STAGE}))
        ]
        with warehouse.write(ACME) as connection:
            updates = [
                SliceUpdate(table, on, rows, None, THROUGH, THROUGH, THROUGH, unlisted=more, accepts_loss=True)
                for table, rows, more in (
                    (event_participants, facts, unlisted),
                    (event_concurrency, minutes, ()),
                    (event_activity, [whole(event_activity, on, one) for one in activity], ()),
                )
            ]
            replace_slices(connection, ACME, updates, at=AT, late_window=LATE, run_id=None)

    def _each(self) -> list[tuple[str, str, int]]:
        return sorted({(event, who): (event, who, minutes) for event, who, minutes in self.seen}.values())


@dataclass(frozen=True)
class EventMoves:
    """An event belongs to another company from now on: its rows are taken out of every day."""

    event: str

    def do(self, warehouse: Warehouse) -> None:
        """Take them out, as discovery does."""
        with warehouse.write(ACME) as connection:
            for table in (event_participants, event_concurrency, event_activity):
                take_out(connection, table, ACME, self.event, MOMENT)


@dataclass(frozen=True)
class Erasure:
    """All facts of a person are gone, and the slices say so."""

    who: str

    def do(self, warehouse: Warehouse) -> None:
        """Delete them and sum the slices up again."""
        with warehouse.write(ACME) as connection:
            for table in (event_participants, event_activity):
                t = table.c
                here = (t.company_id == ACME, t.person_id == self.who)
                days = connection.scalars(sa.select(t.day).where(*here).distinct()).all()
                connection.execute(table.delete().where(*here))
                for on in days:
                    sum_up(connection, ACME, table, on)


@dataclass(frozen=True)
class SliceIsLost:
    """A derived slice is not there any more, as after a migration that has it derived again."""

    number: int

    def do(self, warehouse: Warehouse) -> None:
        """Delete it with its bookkeeping, of each insight."""
        with warehouse.write(ACME) as connection:
            for insight in AS_OF:
                drop_slices(connection, ACME, insight.table, [day(self.number)])


Step = Landing | EventMoves | Erasure | SliceIsLost


def start_of(event: str) -> int:
    """The number of the day on which a stage event is planned to start."""
    return {"e1": 0, "e2": 2, "e3": 3}[event]


def whole(table: sa.Table, on: date, values: dict[str, object]) -> Row:
    """A row of a table with these values, and nulls."""
    known = {"company_id": ACME, "day": on, **values}
    return tuple(known.get(name) for name in table.columns.keys())  # noqa: SIM118 - a collection of columns


NUMBERS = st.integers(0, LAST)
SEEN = st.frozensets(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from("abc"), st.integers(1, 40)), max_size=5)
LANDINGS = st.builds(Landing, NUMBERS, SEEN, st.frozensets(st.sampled_from(sorted(KINDS)), max_size=1))
STEPS = st.lists(
    LANDINGS
    | LANDINGS
    | st.builds(EventMoves, st.sampled_from(sorted(KINDS)))
    | st.builds(Erasure, st.sampled_from("abc"))
    | st.builds(SliceIsLost, NUMBERS),
    min_size=1,
    max_size=6,
)
"""Restatements, moves, erasures and losses, each derived by itself, in any order of days."""
HISTORIES = st.tuples(st.permutations([*range(LAST + 1)]) | st.just([*range(LAST + 1)]), STEPS)


def begin(warehouse: Warehouse) -> None:
    """One company with three stage events, two of which link to a hub, and no day yet."""
    empty(warehouse, *reversed(metadata.sorted_tables))
    plans = {"e1": {"networking_hub_id": "h1"}, "e2": {"networking_hub_id": "h1"}, "e3": {}}
    times = {
        event: {"starts_at": hour(24 * start_of(event) + 9), "ends_at": hour(24 * start_of(event) + 10)}
        for event in plans
    }
    with warehouse.write(ACME) as connection:
        catalog.save_companies(connection, [known_company()], at=AT)
        theirs = [known_event(e, event_type=kind, **plans.get(e, {}), **times.get(e, {})) for e, kind in KINDS.items()]
        catalog.save_events(connection, ACME, theirs)
