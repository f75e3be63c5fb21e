"""People of one name without an e-mail: as many as Sequel counts on each day, and every minute of each list kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequel_assets.refresh.core.run_context import KeptLists
from sequel_assets.refresh.usage.event_client import EventClient
from sequel_assets.refresh.usage.extract import SliceFailure, day_facts
from sequel_assets.refresh.usage.facts_of_day import DayFacts, Minutes
from sequel_assets.refresh.usage.range_search import Contradiction, Expected
from sequel_assets.refresh.usage.same_name import NamePairing, together
from sequel_assets.refresh.usage.verification import Attendee, Counted
from sequel_assets.sequel import Participants
from sequel_assets_tests.refresh.usage.scripted import known
from sequel_assets_tests.refresh.usage.test_extract import D


def guests(*minutes: int) -> list[Counted]:
    """Return people called Guest."""
    return [Counted(None, "guest", "Guest", each) for each in minutes]


def found(live: list[int], replay: list[int], everybody: list[int]) -> list[tuple[int, int, int]]:
    """Return (live, on demand, engaged) of each person."""
    people = together(guests(*live), guests(*replay), guests(*everybody))
    assert all(one.name == "Guest" for one in people)
    return [(one.live, one.on_demand, one.engaged) for one in people]


@pytest.mark.parametrize(
    ("live", "replay", "everybody", "people"),
    [
        ([3, 3], [], [3, 3], [(3, 0, 3), (3, 0, 3)]),
        ([3], [5], [8], [(3, 5, 8)]),
        ([3], [5], [3, 5], [(0, 5, 5), (3, 0, 3)]),
        ([3], [5], [5], [(3, 5, 5)]),
        ([3, 4], [5], [4, 8], [(3, 5, 8), (4, 0, 4)]),
        ([3, 4], [5], [3, 9], [(4, 5, 9), (3, 0, 3)]),
        ([5, 5], [5, 5], [5, 5, 5, 5], [(5, 0, 5), (5, 0, 5), (0, 5, 5), (0, 5, 5)]),
        ([5, 5], [5, 5], [10, 10], [(5, 5, 10), (5, 5, 10)]),
        ([5, 5], [5, 5], [5, 5, 10], [(5, 5, 10), (5, 0, 5), (0, 5, 5)]),
        ([0, 4], [0], [4], [(4, 0, 4)]),
        ([7, 2], [6, 3], [10, 8], [(7, 3, 10), (2, 6, 8)]),
    ],
)
def test_people_are_matched_by_what_their_minutes_come_to(
    live: list[int], replay: list[int], everybody: list[int], people: list[tuple[int, int, int]]
) -> None:
    """Those with most minutes first, whatever the order of the lists."""
    assert found(live, replay, everybody) == people
    assert found(live[::-1], replay[::-1], everybody[::-1]) == people


@pytest.mark.parametrize(
    ("live", "replay", "everybody"),
    [([3], [5], [2, 6]), ([3], [5], [9]), ([3], [5], []), ([3], [], [3, 3]), ([6, 6], [1, 1], [6, 8]), ([3], [5], [4])],
)
def test_lists_that_do_not_fit_are_a_contradiction(live: list[int], replay: list[int], everybody: list[int]) -> None:
    """No person has more minutes in all than live and on demand, or fewer than either."""
    with pytest.raises(Contradiction, match=r"people of one name and without an e-mail live and . on demand are not"):
        found(live, replay, everybody)


def test_the_name_is_the_last_of_its_spellings() -> None:
    """Over all three lists."""
    spelt = [Counted(None, "guest", name, 3) for name in ("GUEST", "guest", "Guest")]
    assert together([spelt[0]], [spelt[1]], [Counted(None, "guest", "Guest", 6)]) == [NamePairing(6, 3, 3, "guest")]


def test_hundreds_of_one_name_are_as_many_and_have_every_minute() -> None:
    """As in a big event that asks nobody for an e-mail: who is who would take too long to find."""
    live = [1 + n * 7 % 60 for n in range(400)]
    replay = [1 + n * 11 % 45 for n in range(300)]
    everybody = [a + b for a, b in zip(live, replay, strict=False)] + live[300:]
    people = found(live, replay, everybody)
    assert Counter(one[0] for one in people if one[0]) == Counter(live)
    assert Counter(one[1] for one in people if one[1]) == Counter(replay)
    assert (len(people), sum(one[2] for one in people)) == (400, sum(everybody))
    assert all(max(one[:2]) <= one[2] <= one[0] + one[1] for one in people)


# ------------------------------------------------------------------ whole days


@dataclass(frozen=True)
class Human:
    """Somebody in an event: who Sequel knows they are, and what it shows of them."""

    email: str | None
    name: str
    live: int
    on_demand: int
    both: int

    def minutes(self, kind: str) -> int:
        """Return the minutes of one engagement type."""
        return {"live": self.live, "onDemand": self.on_demand, "all": self.live + self.on_demand - self.both}[kind]


class Far:
    """Sequel: a row and a user for each human, in an order of its own; repeats some rows where it is told to."""

    def __init__(self, humans: list[Human], order: Any, repeats: bool = False) -> None:
        self.humans, self.order, self.repeats = humans, order, repeats
        self.asked: list[str] = []

    def participants(self, event_id: str, *, start: date, end: date, engagement_type: str, limit: int) -> Participants:
        """Answer."""
        self.asked.append(engagement_type)
        there = [human for human in self.humans if human.minutes(engagement_type)]
        rows = [
            {"name": human.name, "userEmail": human.email, "engagedMinutes": human.minutes(engagement_type)}
            for human in there
        ]
        total = sum(row["engagedMinutes"] for row in rows)
        if self.repeats:
            rows += rows
        self.order.shuffle(rows)
        return Participants.model_validate(
            {"number_of_users": len(there), "total_engaged_minutes": total, "participants": rows[:limit]}
        )


@st.composite
def days(draw: st.DrawFn) -> list[Human]:
    """Some with an e-mail, some called the same without one, some with neither; many with equal minutes."""
    humans = []
    for number in range(draw(st.integers(0, 7))):
        email = draw(st.sampled_from([None, None, None, f"p{number}@x.org"]))
        name = draw(st.sampled_from(["Guest", "Guest", "guest ", "", "Zo\u00eb", "Zoe\u0308"]))
        live, on_demand = draw(st.sampled_from([0, 3, 3, 5])), draw(st.sampled_from([0, 0, 3, 4]))
        both = draw(st.integers(0, min(live, on_demand)))
        humans.append(Human(email, name, live, on_demand, both))
    return humans


def facts_of(humans: list[Human], order: Any, expected: Expected | None, *, repeats: bool = False) -> DayFacts:
    """Return a day's facts."""
    far = Far(humans, order, repeats)
    facts = day_facts(EventClient(far, known(), KeptLists()), D, expected)  # type: ignore[arg-type]
    assert far.asked.count("all") <= 2
    return facts


@given(days(), st.randoms(use_true_random=False), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_facts_have_exactly_the_people_and_minutes_that_sequel_counts(
    humans: list[Human], order: Any, is_expected: bool, repeats: bool
) -> None:
    """Of each list and in all, whatever the order of the rows, and where every row is told twice."""
    there = [human for human in humans if human.live or human.on_demand]
    live, on_demand = sum(h.live for h in there), sum(h.on_demand for h in there)
    expected = Expected(live, on_demand, any(h.both for h in there)) if is_expected else None
    facts = facts_of(humans, order, expected, repeats=repeats)
    assert len(facts.minutes) == len(there)
    assert len({one.attendee for one in facts.minutes}) == len(there)
    for kind in ("live", "onDemand", "all"):
        column = {"live": "live", "onDemand": "on_demand", "all": "engaged"}[kind]
        told = Counter((m.attendee.email, m.attendee.unnamed_by, n) for m in facts.minutes if (n := getattr(m, column)))
        true = Counter((h.email, key_of(h), n) for h in there if (n := h.minutes(kind)))
        assert told == true
    assert facts_of(humans, order, expected) == facts


def key_of(human: Human) -> str:
    """Return what somebody without an e-mail is known by."""
    return "" if human.email else {"Zoe\u0308": "zo\u00eb"}.get(human.name, human.name.strip().lower())


def test_one_request_more_is_made_only_where_a_name_without_an_email_is_on_both_lists() -> None:
    """Whether one person or two were meant is said by the list of everybody alone."""

    class InOrder:
        shuffle = staticmethod(lambda rows: None)

    def requests_for(*humans: Human) -> list[str]:
        far = Far(list(humans), InOrder)
        expected = Expected(sum(h.live for h in humans), sum(h.on_demand for h in humans), overlaps=False)
        day_facts(EventClient(far, known(), KeptLists()), D, expected)  # type: ignore[arg-type]
        return far.asked

    ada, guest, other = (Human("a@x.org", "Ada", 3, 4, 0), Human(None, "Guest", 3, 0, 0), Human(None, "guest", 0, 5, 0))
    assert requests_for(ada, guest) == ["live", "onDemand"]
    assert requests_for(ada, guest, guest, Human(None, "Other", 0, 3, 0)) == ["live", "onDemand"]
    assert requests_for(ada, guest, other) == ["live", "onDemand", "all"]


def test_people_are_numbered_by_their_minutes_the_most_first() -> None:
    """So the same day gives the same ids."""
    order = type("InOrder", (), {"shuffle": staticmethod(lambda rows: None)})
    humans = [Human(None, "Guest", 2, 0, 0), Human(None, "guest", 9, 0, 0), Human(None, "Bo", 4, 0, 0)]
    assert facts_of(humans, order, None).minutes == (
        Minutes(Attendee(None, "bo", 1), "Bo", 4, 0, 4),
        Minutes(Attendee(None, "guest", 1), "guest", 9, 0, 9),
        Minutes(Attendee(None, "guest", 2), "Guest", 2, 0, 2),
    )


def test_a_name_that_does_not_fit_fails_by_name_of_the_numbers_alone() -> None:
    """No name and no e-mail is told."""

    class Lying(Far):
        def participants(self, event_id: str, **asked: Any) -> Participants:
            if asked["engagement_type"] == "all":
                self.humans = [Human(None, "Guest", 7, 0, 0), Human(None, "Guest", 1, 0, 0)]
            else:
                self.humans = [Human(None, "Guest", 3, 5, 0)]
            return super().participants(event_id, **asked)

    order = type("InOrder", (), {"shuffle": staticmethod(lambda rows: None)})
    with pytest.raises(SliceFailure, match=r"^1 people of one name .* live and 1 on demand are not the 2 of all$"):
        day_facts(EventClient(Lying([], order), known(), KeptLists()), D, None)  # type: ignore[arg-type]
