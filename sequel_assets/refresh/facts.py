"""The minutes of one event on one day, proven; and finding the days that have any."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .asking import Answer, EventAsker
from .hours import is_unsettled
from .plan import Contradiction, EngagementType, Expected, Question, Span, Totals, gaps, plan
from .prove import Attendee, NotConserved, by_attendee, prove


class SliceFailure(Exception):  # noqa: N818 - the word of the matter
    """One event of one day (or span) could not be told for sure; the text is the reason, in one line."""


class NotTold(SliceFailure):
    """Sequel did not answer at all; asking about other days may still succeed."""


@dataclass(frozen=True)
class Minutes:
    """What one attendee did in one event on one day."""

    attendee: Attendee
    name: str
    live: int
    on_demand: int
    engaged: int


@dataclass(frozen=True)
class DayFacts:
    """Everybody's minutes of one event on one day, and the totals they were proven against."""

    minutes: tuple[Minutes, ...]
    live: Totals
    on_demand: Totals
    engaged_minutes: int


NOBODY = DayFacts((), Totals(0, 0), Totals(0, 0), 0)


def explore(
    ask: EventAsker,
    span: Span,
    own: Span | None,
    *,
    clock: Callable[[], datetime],
    settle: timedelta,
    wants_witness: bool,
) -> Mapping[date, Expected | None]:
    """Return the days of a span on which the event has minutes; contradictory answers are asked for once more."""
    for attempt in (1, 2):
        try:
            return _explore(ask, span, own, clock, settle, wants_witness)
        except Contradiction as error:
            ask.forget()
            if attempt == 2:
                raise SliceFailure(
                    f"Sequel's totals contradict each other: {error}; try again after the next full hour"
                ) from None
    raise AssertionError("unreachable")


def _explore(
    ask: EventAsker, span: Span, own: Span | None, clock: Callable[[], datetime], settle: timedelta, wants_witness: bool
) -> Mapping[date, Expected | None]:
    began = clock()
    answers: dict[Question, Totals] = {}
    while (step := plan(span, own, answers)).questions:
        for question in step.questions:
            answers[question] = ask.totals(question)
    _confirm(ask, span, step.days, answers, wants_witness=wants_witness)
    everything = Question("all", span)
    is_unsettled_now = len(answers) > 1 and is_unsettled(began, clock(), settle)
    if (is_unsettled_now or _hangs_on_all(step.days)) and ask.probe(everything) != answers[everything]:
        raise Contradiction(f"the numbers of {span} moved while they were asked for")
    return step.days


def _confirm(
    ask: EventAsker,
    span: Span,
    days: Mapping[date, Expected | None],
    answers: Mapping[Question, Totals],
    *,
    wants_witness: bool,
) -> None:
    """Ask every day that was only inferred: a wrong total anywhere makes some other day look empty.

    The lists are needed anyhow and are kept. Where a list does not come to its totals every empty stretch is asked too.
    """
    for day, expected in days.items():
        inferred = {Question("live", Span(day, day)): expected.live if expected else 0}
        inferred[Question("onDemand", Span(day, day))] = expected.on_demand if expected else 0
        for question, minutes in inferred.items():
            if minutes and question not in answers and (told := ask.totals(question).minutes) != minutes:
                raise Contradiction(f"{day} has {told} {question.engagement_type} minutes, {minutes} by the range")
    stretches = gaps(span, days) if days and span.days > 1 else []
    if not ask.has_doubts:
        stretches = sorted(stretches, key=lambda gap: -gap.days)[: 1 if wants_witness else 0]
    for stretch in stretches:
        if ask.probe(Question("all", stretch)).minutes:
            raise Contradiction(f"the days do not add up to {span}: {stretch} has minutes of its own")


def _hangs_on_all(days: Mapping[date, Expected | None]) -> bool:
    """Say whether one total alone decides that no minute of some day was both live and on demand."""
    return any(day and day.live and day.on_demand and not day.overlaps for day in days.values())


def day_facts(ask: EventAsker, day: date, expected: Expected | None) -> DayFacts:
    """Return the proven minutes of a day; what does not fit is asked for once more, by the day itself."""
    try:
        return _as_expected(ask, day, expected) if expected is not None else _by_itself(ask, day)
    except (Contradiction, NotConserved):
        ask.forget(day)
    try:
        return _by_itself(ask, day)
    except (Contradiction, NotConserved) as error:
        raise SliceFailure(str(error)) from None


def _as_expected(ask: EventAsker, day: date, expected: Expected) -> DayFacts:
    live = _list(ask, "live", day) if expected.live else None
    replay = _list(ask, "onDemand", day) if expected.on_demand else None
    for answer, minutes in ((live, expected.live), (replay, expected.on_demand)):
        if answer is not None and answer.totals.minutes != minutes:
            raise Contradiction(f"{day}: {answer.totals.minutes} minutes told, {minutes} by the range")
    everybody = _list(ask, "all", day) if expected.overlaps and _shared(live, replay) else None
    return _together(day, live, replay, everybody)


def _by_itself(ask: EventAsker, day: date) -> DayFacts:
    promised = (
        ask.totals(Question("all", Span(day, day))) if ask.most_users else ask.probe(Question("all", Span(day, day)))
    )
    if not promised.minutes:
        ask.forget(day)
        return NOBODY
    live, replay = _list(ask, "live", day), _list(ask, "onDemand", day)
    apart = live.totals.minutes + replay.totals.minutes
    if apart < promised.minutes:
        raise Contradiction(
            f"{live.totals.minutes} live and {replay.totals.minutes} on-demand minutes do not reach the {promised.minutes} of all"
        )
    everybody = _list(ask, "all", day) if _shared(live, replay) else None
    together = everybody.totals.minutes if everybody else apart
    if together != promised.minutes:
        raise Contradiction(f"all has {together} minutes now and had {promised.minutes}")
    ask.forget(day)
    return _together(day, live, replay, everybody)


def _shared(live: Answer | None, replay: Answer | None) -> bool:
    """Say whether somebody is on both lists; if nobody is, no minute can have been both."""
    return bool(live and replay and by_attendee(live.listed).keys() & by_attendee(replay.listed).keys())


def _list(ask: EventAsker, kind: EngagementType, day: date) -> Answer:
    """Return a list that comes to its own totals, asked once more if the first one does not."""
    question = Question(kind, Span(day, day))
    answer = ask.everybody(question)
    try:
        rows = prove(answer.totals.users, answer.totals.minutes, answer.listed)
    except NotConserved:
        answer = ask.everybody(question)
        try:
            rows = prove(answer.totals.users, answer.totals.minutes, answer.listed)
        except NotConserved as error:
            raise NotConserved(f"the {kind} list does not add up: {error}") from None
    return Answer(answer.totals, tuple(rows))


def _together(day: date, live: Answer | None, replay: Answer | None, everybody: Answer | None) -> DayFacts:
    alive, replayed = by_attendee(live.listed if live else ()), by_attendee(replay.listed if replay else ())
    engaged = by_attendee(everybody.listed) if everybody else None
    minutes = []
    for attendee in sorted(
        alive.keys() | replayed.keys() | (engaged or {}).keys(), key=lambda a: (a.email or "", a.unnamed_by)
    ):
        (name_a, at_live), (name_b, on_demand) = alive.get(attendee, ("", 0)), replayed.get(attendee, ("", 0))
        name_c, together = engaged.get(attendee, ("", 0)) if engaged is not None else ("", at_live + on_demand)
        if not max(at_live, on_demand) <= together <= at_live + on_demand:
            raise Contradiction(
                f"{day}: somebody has {at_live} live, {on_demand} on-demand and {together} minutes in all"
            )
        if together:
            minutes.append(Minutes(attendee, max(name_a, name_b, name_c), at_live, on_demand, together))
    nobody = Totals(0, 0)
    return DayFacts(
        tuple(minutes),
        live.totals if live else nobody,
        replay.totals if replay else nobody,
        sum(person.engaged for person in minutes),
    )
