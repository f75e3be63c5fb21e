"""How Sequel reads dates: is the end included, are days UTC days, do days add up to a range? Pure.

Each possible reading predicts which ranges around an event have minutes. The readings that predict every answer are
left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

from sequel_assets.doctor.judging.findings import Finding, Verdict, unseen
from sequel_assets.doctor.judging.sample import SampledEvent
from sequel_assets.refresh.core.api_profile import EXCLUDED, Fact

DAY = timedelta(days=1)
AMERICAN_EAST_HOURS = 5
"""An event that begins no later after midnight UTC shows whether days are those of an American zone."""
DATES, DAYS, SUMS = "dates", "days", "sums of days"
Span = tuple[date, date]
"""First and last day as they are requested."""


@dataclass(frozen=True)
class DateReading:
    """One way in which Sequel may read a range; `shift` is on which day an event stands, from its UTC day."""

    is_end_included: bool = True
    shift: int = 0
    is_ignored: bool = False


READINGS = (
    DateReading(is_ignored=True),
    *(DateReading(is_included, shift) for is_included, shift in product((True, False), (-1, 0, 1))),
)


def spans_around(day: date) -> list[Span]:
    """Return the ranges whose answers separate the readings."""
    before, after, long_before = day - DAY, day + DAY, day - 7 * DAY
    around = [(before, before), (day, day), (after, after), (before, day), (day, after), (after, after + DAY)]
    return [(long_before, long_before), *around]


def predicted(reading: DateReading, day: date, span: Span, *, is_live: bool) -> bool | None:
    """Say whether a range has minutes by a reading; None where it may (replays come later, if they are counted)."""
    if reading.is_ignored:
        return True
    first, last = span
    event_day, last = day + reading.shift * DAY, last if reading.is_end_included else last - DAY
    if first <= event_day <= last:
        return True
    return False if last < event_day or last < first or is_live else None


def readings_of(day: date, minutes: Mapping[Span, int], *, is_live: bool) -> list[DateReading]:
    """Return the readings that fit all answers about an event of a day."""
    return [
        reading
        for reading in READINGS
        if all(
            expected is None or expected == (found > 0)
            for span, found in minutes.items()
            for expected in [predicted(reading, day, span, is_live=is_live)]
        )
    ]


def judge_dates(seen: Sequence[tuple[SampledEvent, Sequence[DateReading]]]) -> list[Finding]:
    """Return what the readings of some events say of dates and of days."""
    undecided = (
        "nothing is changed: a refresh requests ranges with both ends included, and its sums show contradictions"
    )
    if not seen or any(not readings for _, readings in seen):
        why = "no past event within one UTC day has minutes" if not seen else "the answers fit no reading of the dates"
        return [unseen(DATES, why, undecided), unseen(DAYS, why, "whether days are UTC days is not known")]
    ids = ", ".join(event.event_id for event, _ in seen)
    if any(reading.is_ignored for _, readings in seen for reading in readings):
        why = f"every range around {ids} has the same minutes: the dates are ignored"
        means = "minutes cannot be assigned to days; a refresh stores none, and says so"
        learned = {Fact.DATES: "ignored", Fact.END_DATE: None, Fact.DAYS: None}
        ignored = Finding(DATES, Verdict.DIFFERENT, why, means, "ask Sequel", learned, is_blocking=True)
        return [ignored, unseen(DAYS, "the dates are ignored", "there are no days")]
    ends = {reading.is_end_included for _, readings in seen for reading in readings}
    if len(ends) > 1:
        why = f"the answers about {ids} fit several readings"
        return [unseen(DATES, why, undecided), unseen(DAYS, why, "whether days are UTC days is not known")]
    return [_of_ends(ids, is_included=ends.pop()), _of_days(seen)]


def _of_ends(ids: str, *, is_included: bool) -> Finding:
    if is_included:
        found, means = f"a range includes its endDate (events {ids})", "ranges are requested as they are"
        return Finding(DATES, Verdict.AS_DOCUMENTED, found, means, learned={Fact.END_DATE: None, Fact.DATES: None})
    return Finding(
        DATES,
        Verdict.DIFFERENT,
        f"a range ends before its endDate (events {ids})",
        "kept in the warehouse: every range is requested with the day after its last one, so the numbers are right",
        learned={Fact.END_DATE: EXCLUDED, Fact.DATES: None},
    )


def _of_days(seen: Sequence[tuple[SampledEvent, Sequence[DateReading]]]) -> Finding:
    for event, readings in seen:
        shifts = {reading.shift for reading in readings}
        if 0 not in shifts:
            side = "before" if min(shifts) < 0 else "after"
            return Finding(
                DAYS,
                Verdict.DIFFERENT,
                f"minutes of {event.event_id}, which begins at {event.starts_at:%H:%M} UTC, are on the day {side}",
                "days are not UTC days: minutes around midnight would be on another day than billed; a refresh stores none",
                "ask Sequel for UTC days",
                {Fact.DAYS: f"the day {side}"},
                is_blocking=True,
            )
    west = min(event.starts_at.hour + event.starts_at.minute / 60 for event, _ in seen)
    east = 24 - max(event.ends_at.hour + event.ends_at.minute / 60 for event, _ in seen)
    found = f"zones more than {west:g} h west or {east:g} h east of UTC are excluded"
    if west <= AMERICAN_EAST_HOURS:
        return Finding(DAYS, Verdict.AS_DOCUMENTED, found, "days are UTC days", learned={Fact.DAYS: None})
    return unseen(
        DAYS,
        f"{found}; no event begins early enough after midnight UTC to exclude more",
        "days are taken for UTC days; with those of another zone minutes around midnight would be on another day",
        "run it once more when an event has begun before 05:00 UTC: doctor --event ID",
    )


def judge_sums(event_id: str, whole: int, days: Sequence[int]) -> Finding:
    """Return whether the totals of single days add up to that of their range."""
    total = sum(days)
    if not whole and not total:
        return unseen(SUMS, f"{event_id} has no minutes in the days looked at", "a refresh verifies sums by itself")
    if whole == total:
        found = f"{len(days)} days of {event_id} come to the {whole:,} minutes of their range"
        return Finding(SUMS, Verdict.AS_DOCUMENTED, found, "ranges can be searched for the days with minutes")
    found = f"{len(days)} days of {event_id} come to {total:,} minutes, their range to {whole:,}"
    means = "a refresh fails days of such events by name, since it cannot verify them"
    return Finding(SUMS, Verdict.DIFFERENT, found, means, "ask Sequel", is_blocking=True)
