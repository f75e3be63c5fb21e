"""Before a company's numbers are taken: do Sequel's answers show that it reads requests as a refresh assumes?

A day without minutes may be the answer of a Sequel that leaves out the last day of a range, and a day's minutes those of
all time. So before anything of a run is stored, what its own answers do not confirm is requested: one or two requests,
whose answers a Sequel as it is documented cannot give by chance. A refuted assumption fails the slices by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.core.api_profile import NO_USAGE, Assumption, Assumptions, Fact, SeenAnswer, to_find_out
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.usage.event_client import EVER, EventMissing
from sequel_assets.refresh.usage.event_worker import DayWork, EventWork
from sequel_assets.refresh.usage.extract import SliceFailure
from sequel_assets.refresh.usage.range_search import DAY, RangeRequest, Span
from sequel_assets.sequel import BadRequest, SequelError
from sequel_assets.warehouse.tables.core import event_participants

LONG_AGO = Span(date(2000, 1, 1), date(2000, 1, 1))
"""Before Sequel: no event has a minute on that day."""
WHOLE_LIST = 102
EXCLUDED_END = "a range seems to end before its endDate, so a day without minutes may have some"


def check_ranges(context: RunContext, company_id: str, works: Iterable[EventWork]) -> str:
    """Return why the answers so far cannot be taken; empty where they can."""
    notes, by_id = context.assumptions, {work.event.event_id: work for work in works}
    if notes.refuted or notes.is_confirmed(*Assumption):
        return notes.refuted
    with notes.checking:
        answers = notes.take(by_id)
        try:
            notes.refuted = notes.refuted or _why(context, company_id, by_id, answers)
        except (SliceFailure, SequelError) as error:
            return f"whether Sequel reads requests as assumed could not be verified: {error}"
    return notes.refuted


def check_day(context: RunContext, works: Mapping[str, EventWork], done: Mapping[str, DayWork]) -> str:
    """Return why a day's minutes by type cannot be taken: Sequel answers the same whatever type is requested."""
    notes = context.assumptions
    facts = {event_id: one.facts for event_id, one in done.items() if one.facts is not None and one.facts.has_minutes}
    same = [
        event_id for event_id, one in facts.items() if one.live.minutes == one.on_demand.minutes == one.engaged_minutes
    ]
    if notes.refuted or not same or notes.is_confirmed(Assumption.TYPES):
        return notes.refuted
    with notes.checking:
        if context.warehouse.ask(_has_separate_types):
            notes.confirm(Assumption.TYPES)
            return ""
        try:
            totals = [works[same[0]].ask(RangeRequest(kind, EVER)).minutes for kind in ("all", "live", "onDemand")]
        except (SliceFailure, SequelError, EventMissing) as error:
            return f"whether Sequel honours engagementType could not be verified: {error}"
        if len(set(totals)) == 1:
            notes.refuted = f"{NO_USAGE[Fact.ENGAGEMENT_TYPE]}; {to_find_out(same[0])}"
    return notes.refuted


def _why(
    context: RunContext, company_id: str, works: Mapping[str, EventWork], answers: Mapping[str, Sequence[SeenAnswer]]
) -> str:
    notes = context.assumptions
    zeros = {(event_id, Span(one.first, one.last)) for event_id, of_event in answers.items() for one in of_event
             if one.kind == "all" and not one.minutes and one.last != date.max}  # fmt: skip
    some = [event_id for event_id, of_event in answers.items() if any(one.minutes for one in of_event)]
    is_asked = (zeros and not notes.is_confirmed(Assumption.END_DATE)) or (
        some and not notes.is_confirmed(Assumption.DATES)
    )
    stored = context.warehouse.ask(lambda connection: _stored_day(connection, company_id)) if is_asked else None
    if stored is not None or (is_asked and context.warehouse.ask(_has_minutes)):
        notes.confirm(Assumption.DATES)  # else they would not have been stored
    why = _of_dates(notes, works[some[0]]) if some else ""
    why = why or _of_totals(notes, works, answers)
    if why or not zeros:
        return why
    if stored is not None and not notes.is_confirmed(Assumption.END_DATE) and stored[0] in works:
        event_id, day = stored
        if _minutes(works[event_id], Span(day, day)):
            return ""
        zeros.add((event_id, Span(day, day)))
    return _of_ends(notes, works, zeros)


def _of_ends(notes: Assumptions, works: Mapping[str, EventWork], zeros: Iterable[tuple[str, Span]]) -> str:
    """Ask each empty range with the day after it: where that has no minutes either, it is empty by both readings."""

    def likely_first(zero: tuple[str, Span]) -> tuple[bool, date, str]:
        event_id, span = zero
        own = works[event_id].own
        return own is None or own.last < span.first or own.first > span.last, span.first, event_id

    for event_id, span in sorted(zeros, key=likely_first):
        if notes.is_confirmed(Assumption.END_DATE):
            return ""
        work, after = works[event_id], Span(span.last + DAY, span.last + DAY)
        if work.own is not None and work.own.first > after.last:
            continue  # it is still to come
        if _minutes(work, Span(span.first, after.last)) and not _minutes(work, after):
            return f"{EXCLUDED_END}; {to_find_out(event_id)}"
    return ""


def _of_dates(notes: Assumptions, work: EventWork) -> str:
    """Ask for the minutes of an event on a day on which it cannot have any."""
    if notes.is_confirmed(Assumption.DATES):
        return ""
    try:
        has_minutes = _minutes(work, LONG_AGO) > 0
    except SliceFailure as error:
        if not isinstance(error.__context__, BadRequest):
            raise
        has_minutes = False
    if has_minutes:
        return f"{NO_USAGE[Fact.DATES]}; {to_find_out(work.event.event_id)}"
    notes.confirm(Assumption.DATES)
    return ""


def _of_totals(notes: Assumptions, works: Mapping[str, EventWork], answers: Mapping[str, Sequence[SeenAnswer]]) -> str:
    """Ask for the whole list where the totals of a list of one row were those of one person."""
    for event_id, of_event in answers.items():
        doubtful = [one for one in of_event if one.limit == one.users == one.rows == 1 and one.first < one.last]
        if notes.is_confirmed(Assumption.TOTALS):
            return ""
        if not doubtful:
            continue
        request = RangeRequest(doubtful[0].kind, Span(doubtful[0].first, doubtful[0].last))
        if works[event_id].ask(request, WHOLE_LIST).users > 1 and works[event_id].ask(request).users == 1:
            return f"{NO_USAGE[Fact.TOTALS]}; {to_find_out(event_id)}"
    return ""


def _minutes(work: EventWork, span: Span) -> int:
    """Return the minutes of a span; none of an event that Sequel answers 404 for, which its own slices report."""
    try:
        return work.ask(RangeRequest("all", span)).minutes
    except EventMissing:
        return 0


def _stored_day(connection: sa.Connection, company_id: str) -> tuple[str, date] | None:
    """Return an event with minutes on the newest day of the company that has any."""
    f = event_participants.c
    newest = sa.select(sa.func.max(f.day)).where(f.company_id == company_id).scalar_subquery()
    row = connection.execute(
        sa.select(f.event_id, f.day).where(f.company_id == company_id, f.day == newest).limit(1)
    ).first()
    return None if row is None else (row.event_id, row.day)


def _has_minutes(connection: sa.Connection) -> bool:
    """Say whether minutes of any company are stored."""
    return connection.execute(sa.select(event_participants.c.day).limit(1)).first() is not None


def _has_separate_types(connection: sa.Connection) -> bool:
    """Say whether any stored minutes show that types are separate."""
    f = event_participants.c
    return (
        connection.execute(sa.select(f.day).where(f.live_minutes != f.on_demand_minutes).limit(1)).first() is not None
    )
