"""Any sequence of updates of slices equals a plain dict that follows the rules in the obvious way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceState, SliceUpdate, day_end
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.tables.core import companies, event_participants, events, proofs, refreshes, restatements
from sequel_assets_tests.support.rows import ACME, AT, LATE, STAGE, day, empty, hour, participant, settle_in, table_of

EVENTS = ("e1", "e2", "e3")


@dataclass(frozen=True)
class ModelStep:
    """One refresh: of which day, which events were asked with which minutes per person, at which hour, of which kind."""

    day: int
    through: int
    kind: str
    minutes: dict[str, dict[str, int]] = field(hash=False)
    accepts_loss: bool = False


@dataclass
class Slice:
    """The model of one slice."""

    events: dict[str, dict[str, int]] = field(default_factory=dict)
    asked_at: dict[str, int] = field(default_factory=dict)
    data_through: int | None = None
    full_through: int | None = None


people_minutes = st.dictionaries(st.sampled_from(["ada", "bo", "cy"]), st.integers(0, 3), max_size=3)
steps = st.builds(
    ModelStep,
    st.integers(0, 1),
    st.integers(70, 75),
    st.sampled_from(["events", "hot", "full"]),
    st.dictionaries(st.sampled_from(EVENTS), people_minutes, max_size=3),
    st.booleans(),
)


def follow(model: dict[int, Slice], step: ModelStep) -> SliceState:
    """What the rules say, event by event."""
    is_new = step.day not in model
    known = model.setdefault(step.day, Slice())
    if known.data_through is not None and known.data_through > step.through:
        return SliceState.SUPERSEDED
    before = {event: dict(minutes) for event, minutes in known.events.items()}
    asked_before = dict(known.asked_at)
    for event, minutes in step.minutes.items():
        if known.asked_at.get(event, 0) > step.through:
            continue
        known.events.pop(event, None)
        known.asked_at.pop(event, None)
        if minutes:
            known.events[event] = minutes
            known.asked_at[event] = step.through
    is_final = known.full_through is not None and hour(known.full_through) >= day_end(day(step.day)) + LATE
    if is_final and not step.accepts_loss and 2 * total(known.events) < total(before):
        known.events, known.asked_at = before, asked_before
        return SliceState.QUARANTINED
    if step.kind != "events":
        known.data_through = step.through
    if step.kind == "full":
        known.full_through = max(step.through, known.full_through or 0)
    return SliceState.CHANGED if is_new or known.events != before else SliceState.UNCHANGED


def total(events: dict[str, dict[str, int]]) -> int:
    return sum(minutes for people in events.values() for minutes in people.values())


def update(step: ModelStep) -> SliceUpdate:
    through = hour(step.through)
    rows: list[Row] = []
    told: list[Row] = []
    for event, minutes in step.minutes.items():
        rows += [participant(event, who, n, on=day(step.day)) for who, n in minutes.items()]
        if minutes:
            told.append((ACME, day(step.day), event, len(minutes), sum(minutes.values()), 0, 0, 0, through))
    return SliceUpdate(
        event_participants,
        day(step.day),
        rows,
        frozenset(step.minutes),
        through,
        data_through=None if step.kind == "events" else through,
        full_through=through if step.kind == "full" else None,
        control_totals=told,
        accepts_loss=step.accepts_loss,
    )


def hour_or_none(number: int | None) -> datetime | None:
    return None if number is None else hour(number)


@given(st.lists(steps, max_size=6))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_updates_equals_a_plain_model(warehouse: Warehouse, sequence: list[ModelStep]) -> None:
    """Rows, hours, finality and what became of each update; hours come in any order."""
    empty(warehouse, restatements, event_participants, proofs, refreshes, events, companies)
    settle_in(warehouse, dict.fromkeys(EVENTS, STAGE))
    model: dict[int, Slice] = {}
    for step in sequence:
        with warehouse.write(ACME) as connection:
            results = replace_slices(connection, ACME, [update(step)], at=AT, late_window=LATE, run_id=None)
        assert [result.state for result in results] == [follow(model, step)]
    assert table_of(warehouse, event_participants) == [
        participant(event, who, minutes, on=day(number))
        for number, known in sorted(model.items())
        for event, people in sorted(known.events.items())
        for who, minutes in sorted(people.items())
    ]
    assert [(row[2], row[8]) for row in table_of(warehouse, proofs)] == [
        (event, hour(at)) for _, known in sorted(model.items()) for event, at in sorted(known.asked_at.items())
    ]
    assert [(row[2], row[4], row[5], row[6], row[7]) for row in table_of(warehouse, refreshes)] == [
        (
            day(number),
            hour_or_none(known.data_through),
            hour_or_none(known.full_through),
            known.full_through is not None and known.full_through >= 24 * (number + 1) + 48,
            sum(len(people) for people in known.events.values()),
        )
        for number, known in sorted(model.items())
    ]
