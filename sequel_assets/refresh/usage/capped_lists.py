"""Lists that Sequel caps: who is known exactly, and what the totals say beyond them. Pure.

A capped list has the people with most minutes. Each of them is kept only with numbers that are exact: a number that one
list lacks is taken where the totals leave one value for it. Everybody else stays a number: minutes and users.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sequel_assets.refresh.usage.range_search import Totals
from sequel_assets.refresh.usage.verification import (
    Apart,
    Counted,
    DoesNotReconcile,
    ListedPeople,
    ListReading,
    people_of,
)


@dataclass(frozen=True)
class Unlisted:
    """What the totals of a day have beyond the people that are known."""

    live: Totals
    on_demand: Totals
    engaged: Totals

    @property
    def has_minutes(self) -> bool:
        """Say whether anybody is left; users without a minute are spellings of people who are known."""
        return any(totals.minutes for totals in (self.live, self.on_demand, self.engaged))


@dataclass(frozen=True)
class Exact:
    """The minutes of a person, each of them exact."""

    name: str
    live: int
    on_demand: int
    engaged: int


def first_people(totals: Totals, listed: Sequence[ListedPeople]) -> list[Counted]:
    """Return the people of a list that was cut off; a row that repeats another to the letter counts once."""
    people = people_of(ListReading(list(dict.fromkeys(listed)), Apart.EACH))
    if len(people) > totals.users or sum(one.minutes for one in people) > totals.minutes:
        raise DoesNotReconcile(f"{len(people)} people of a list that Sequel caps have more than all {totals.users}")
    return people


@dataclass(frozen=True)
class KindOfMinutes:
    """A list of one engagement type: its totals, its people by e-mail, and whether others may have such minutes."""

    totals: Totals
    by_email: Mapping[str, Counted]
    is_capped: bool

    def of(self, email: str) -> int | None:
        """Return somebody's minutes; None where the list may lack them."""
        found = self.by_email.get(email)
        return found.minutes if found is not None else None if self.is_capped else 0


def exact_people(live: KindOfMinutes, on_demand: KindOfMinutes, engaged: KindOfMinutes) -> dict[str, Exact]:
    """Return everybody with an e-mail whose minutes of all three types are known or follow from the totals."""
    overlap = live.totals.minutes + on_demand.totals.minutes - engaged.totals.minutes
    found = {}
    for email in sorted(live.by_email.keys() | on_demand.by_email.keys() | engaged.by_email.keys()):
        numbers = _solved(live.of(email), on_demand.of(email), engaged.of(email), has_overlap=overlap > 0)
        if numbers is None or not numbers[2]:
            continue
        if not max(numbers[:2]) <= numbers[2] <= sum(numbers[:2]):
            raise DoesNotReconcile("somebody's minutes of the lists that Sequel caps contradict each other")
        names = (kind.by_email[email].name for kind in (live, on_demand, engaged) if email in kind.by_email)
        found[email] = Exact(max(names), *numbers)
    return found


def _solved(
    live: int | None, on_demand: int | None, engaged: int | None, *, has_overlap: bool
) -> tuple[int, int, int] | None:
    """Return the three numbers of somebody; None where more than one value is possible."""
    if live is None and on_demand == 0:
        live = engaged
    if on_demand is None and live == 0:
        on_demand = engaged
    if not has_overlap:
        if live is None and on_demand is not None and engaged is not None:
            live = engaged - on_demand
        if on_demand is None and live is not None and engaged is not None:
            on_demand = engaged - live
        if engaged is None and live is not None and on_demand is not None:
            engaged = live + on_demand
    if engaged is None and live is not None and on_demand == 0:
        engaged = live
    if engaged is None and on_demand is not None and live == 0:
        engaged = on_demand
    return None if live is None or on_demand is None or engaged is None else (live, on_demand, engaged)


def unlisted(people: Sequence[tuple[int, int, int]], live: Totals, on_demand: Totals, engaged: Totals) -> Unlisted:
    """Return what is left of the totals without the people that are known."""
    left = []
    for place, totals in enumerate((live, on_demand, engaged)):
        minutes = totals.minutes - sum(numbers[place] for numbers in people)
        users = totals.users - sum(numbers[place] > 0 for numbers in people)
        if minutes < 0 or users < 0:
            raise DoesNotReconcile("the people of lists that Sequel caps have more minutes than its totals")
        left.append(Totals(users, minutes))
    return Unlisted(*left)
