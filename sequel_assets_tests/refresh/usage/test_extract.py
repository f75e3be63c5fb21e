"""A day's facts from scripted answers: what is asked, what is believed, what is refused, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sequel_assets.refresh.core.run_context import KeptLists
from sequel_assets.refresh.usage.event_client import EventClient
from sequel_assets.refresh.usage.extract import SliceFailure, day_facts, explore
from sequel_assets.refresh.usage.range_search import Expected, Span, Totals
from sequel_assets.sequel import Participants
from sequel_assets_tests.refresh.usage.scripted import ask, known

D = date(2026, 3, 2)
People = dict[tuple[date, str], tuple[int, int, int]]
"""(day, e-mail) -> minutes live, on demand, both."""


class Scripted:
    """A client that answers from a table of people, and lies where it is told to: `lie(call number, answer)`."""

    def __init__(
        self, people: People, lie: Callable[[int, dict[str, Any]], None] = lambda number, answer: None
    ) -> None:
        self.people, self.lie = people, lie
        self.asked: list[tuple[str, date, date, int]] = []

    def participants(self, event_id: str, *, start: date, end: date, engagement_type: str, limit: int) -> Participants:
        """Answer as Sequel does."""
        self.asked.append((engagement_type, start, end, limit))
        minutes: dict[str, int] = {}
        for (day, who), (live, on_demand, both) in self.people.items():
            counted = {"all": live + on_demand - both, "live": live, "onDemand": on_demand}[engagement_type]
            if start <= day <= end and counted:
                minutes[who] = minutes.get(who, 0) + counted
        rows = [{"name": who, "userEmail": who, "engagedMinutes": n} for who, n in sorted(minutes.items())]
        answer = {"users": len(rows), "minutes": sum(minutes.values()), "rows": rows[:limit]}
        self.lie(len(self.asked), answer)
        return Participants.model_validate(
            {
                "number_of_users": answer["users"],
                "total_engaged_minutes": answer["minutes"],
                "participants": answer["rows"],
            }
        )


def on(number: int) -> date:
    """Return a day by its number."""
    return D + timedelta(days=number)


def found(client: Scripted, span: Span, *, wants_witness: bool = False) -> dict[date, Any]:
    """Explore a span, then fetch each day; return people's minutes by day."""
    asker = ask(client)
    now = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
    days = explore(asker, span, None, clock=lambda: now, settle=timedelta(minutes=5), wants_witness=wants_witness)
    told = {day: day_facts(asker, day, expected) for day, expected in days.items()}
    return {
        day: {m.attendee.email: (m.live, m.on_demand, m.engaged) for m in facts.minutes}
        for day, facts in told.items()
        if facts.minutes
    }


def right(people: People) -> dict[date, Any]:
    """Return the same from the table."""
    days: dict[date, Any] = {}
    for (day, who), (live, on_demand, both) in people.items():
        days.setdefault(day, {})[who] = (live, on_demand, live + on_demand - both)
    return days


PEOPLE: dict[str, People] = {
    "live alone": {(on(0), "a"): (5, 0, 0), (on(0), "b"): (3, 0, 0)},
    "a replay": {(on(0), "a"): (5, 0, 0), (on(4), "b"): (0, 3, 0)},
    "neighbours": {(on(0), "a"): (5, 0, 0), (on(1), "a"): (1, 0, 0)},
    "one minute each": {(on(n), "a"): (1, 0, 0) for n in range(6)},
    "overlap": {(on(2), "a"): (5, 4, 1), (on(2), "b"): (3, 0, 0)},
    "within live": {(on(2), "a"): (5, 4, 4)},
    "overlap here, none there": {(on(2), "a"): (5, 4, 2), (on(3), "a"): (2, 2, 0), (on(5), "b"): (0, 1, 0)},
}


@pytest.mark.parametrize("what", PEOPLE)
@pytest.mark.parametrize("days", [1, 2, 6, 30])
def test_facts_are_the_people_s_minutes(what: str, days: int) -> None:
    """Over one day or many."""
    people = {key: minutes for key, minutes in PEOPLE[what].items() if key[0] <= on(days - 1)}
    assert found(Scripted(people), Span(on(0), on(days - 1))) == right(people)


@pytest.mark.parametrize("what", PEOPLE)
@pytest.mark.parametrize("days", [1, 6])
@pytest.mark.parametrize("field", ["users", "minutes"])
def test_one_wrong_total_at_any_place_is_found_out(what: str, days: int, field: str) -> None:
    """Whichever answer has it, the facts are the truth or the span is refused; a lost day would look like an empty one."""
    people = {key: minutes for key, minutes in PEOPLE[what].items() if key[0] <= on(days - 1)}
    for wrong in range(1, 40):

        def lie(number: int, answer: dict[str, Any], wrong: int = wrong) -> None:
            answer[field] += number == wrong

        client = Scripted(people, lie)
        assert found(client, Span(on(0), on(days - 1))) == right(people), f"answer {wrong}"
        if len(client.asked) < wrong:
            return


def test_a_day_whose_total_is_always_wrong_is_refused_and_hides_no_other() -> None:
    """The day before it has one minute, which the day's wrong minute would pay for."""
    people = PEOPLE["neighbours"]

    def lie(number: int, answer: dict[str, Any]) -> None:
        answer["minutes"] += client.asked[-1][1:3] == (on(0), on(0))

    client = Scripted(people, lie)
    with pytest.raises(SliceFailure):
        found(client, Span(on(0), on(5)))


def test_an_api_that_ignores_the_dates_is_found_out() -> None:
    """The witness asks a stretch that must be empty."""
    client = Scripted(PEOPLE["live alone"])
    honest = client.participants
    client.participants = lambda *a, **k: honest(*a, **{**k, "start": on(0), "end": on(0)})  # type: ignore[method-assign]
    with pytest.raises(SliceFailure, match=r"do not add up|contradict"):
        found(client, Span(on(-9), on(9)), wants_witness=True)


@pytest.mark.parametrize(
    ("what", "days", "questions"),
    [
        ("live alone", 1, ["all", "live", "onDemand"]),
        ("overlap", 6, ["all", "onDemand", "live", "onDemand", "live", "onDemand", "live", "onDemand", "live", "all"]),
    ],
)
def test_no_list_is_asked_for_twice(what: str, days: int, questions: list[str]) -> None:
    """A day by itself costs three, a span what its days cost; lists that came with totals are kept."""
    people = PEOPLE[what]
    client = Scripted(people)
    found(client, Span(on(0), on(days - 1)))
    kinds = [kind for kind, *_ in client.asked]
    assert sorted(kinds) == sorted(questions) or len(kinds) <= len(questions)
    lists = [asked[:3] for asked in client.asked if asked[3] > 1]
    assert len(lists) == len(set(lists))


def test_an_empty_event_costs_one_question_whatever_the_span() -> None:
    """`all` over the range, with the smallest answer."""
    for days in (1, 365):
        client = Scripted({})
        assert found(client, Span(on(0), on(days - 1)), wants_witness=True) == {}
        assert client.asked == [("all", on(0), on(days - 1), 1)]


def test_numbers_that_moved_since_the_range_was_asked_are_taken_from_the_day() -> None:
    """The day's own lists decide."""
    facts = day_facts(ask(Scripted(PEOPLE["overlap"])), on(2), Expected(live=1, on_demand=0, overlaps=False))
    assert (facts.live, facts.on_demand, facts.engaged_minutes) == (Totals(2, 8), Totals(1, 4), 11)


def test_a_day_that_grows_between_its_lists_is_asked_again() -> None:
    """The live list is from before, that of all from after: together they would be nobody's minutes."""
    client = Scripted({(on(0), "a"): (5, 4, 1)})

    def grow(number: int, answer: dict[str, Any]) -> None:
        if number == 3:
            client.people[on(0), "a"] = (6, 4, 1)

    client.lie = grow
    assert found(client, Span(on(0), on(0))) == {on(0): {"a": (6, 4, 9)}}


def test_somebody_with_more_minutes_in_all_than_live_and_on_demand_is_refused() -> None:
    """Though everybody together has as many as there should be."""

    def lie(number: int, answer: dict[str, Any]) -> None:
        if client.asked[-1][0] == "all":
            answer["rows"] = [{"name": who, "userEmail": who, "engagedMinutes": 15} for who in "ab"]

    client = Scripted({(on(0), "a"): (10, 0, 0), (on(0), "b"): (10, 10, 0)}, lie)
    with pytest.raises(SliceFailure, match="somebody has 10 live, 0 on-demand and 15 minutes in all"):
        found(client, Span(on(0), on(0)))


def test_the_room_for_lists_is_bounded_and_given_back() -> None:
    """What does not fit is asked again when it is needed."""
    room = KeptLists(rows=299_999)
    people = {(on(0), f"p{n}"): (1, 0, 0) for n in range(3)} | {(on(4), "q"): (2, 0, 0)}
    client = Scripted(people)
    asker = EventClient(client, known(), room)  # type: ignore[arg-type]
    now = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
    days = explore(asker, Span(on(0), on(5)), None, clock=lambda: now, settle=timedelta(0), wants_witness=False)
    assert {day: len(day_facts(asker, day, e).minutes) for day, e in days.items()} == {on(0): 3, on(4): 1}
    assert room.rows == 299_999


def test_answers_from_both_sides_of_an_hour_are_compared_again() -> None:
    """A range that moved while its days were asked for is explored once more, then refused."""
    people = dict(PEOPLE["neighbours"])
    ticks = iter(range(1000))
    hour = datetime(2026, 4, 1, 12, 59, tzinfo=UTC)

    def lie(number: int, answer: dict[str, Any]) -> None:
        people[on(3), "late"] = (number, 0, 0)

    asker = ask(Scripted(people, lie))
    with pytest.raises(SliceFailure, match="try again after the next full hour"):
        explore(
            asker,
            Span(on(0), on(5)),
            None,
            clock=lambda: hour + timedelta(minutes=2 * next(ticks)),
            settle=timedelta(minutes=5),
            wants_witness=False,
        )
