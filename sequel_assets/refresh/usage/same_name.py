"""People of one name without an e-mail: who of the live list is who of the replay's, by what both come to together.

Nothing sets them apart but their minutes and how many Sequel counts. So they are matched with the list of everybody:
each person there is one of the live list, one of the replay's, or one of both whose minutes fit.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sequel_assets.refresh.usage.range_search import Contradiction
from sequel_assets.refresh.usage.verification import Counted

MAX_STEPS = 5_000
"""Of the search for who is who; it takes one for each of them where they are few, or many fit."""


@dataclass(frozen=True, order=True)
class NamePairing:
    """One person of a name: minutes live, on demand, and of both without what was both at once."""

    engaged: int
    live: int
    on_demand: int
    name: str


def together(live: Sequence[Counted], replay: Sequence[Counted], everybody: Sequence[Counted]) -> list[NamePairing]:
    """Return the people of one name, those with most minutes first; `Contradiction` where the three lists do not fit.

    The outcome does not depend on the order of the lists. Of hundreds who are called the same it may take too long to
    find who is who: then those with most minutes are paired, and their minutes of both come to the sum that all have.
    """
    lists = ([one for one in people if one.minutes] for people in (live, replay, everybody))
    alive, replayed, engaged = (sorted(people, key=_rank, reverse=True) for people in lists)
    at_live, on_demand, both = ([one.minutes for one in people] for people in (alive, replayed, engaged))
    matches = match(at_live, on_demand, both)
    if matches is None:
        raise Contradiction(
            f"{len(alive)} people of one name and without an e-mail live and {len(replayed)} on demand are not the "
            f"{len(engaged)} of all"
        )
    spare = [one.name for one in engaged]
    people: list[NamePairing] = []
    for one in matches:
        names = [*_taken(alive, one[0]), *_taken(replayed, one[1])]
        people.append(NamePairing(one[2], one[0] or 0, one[1] or 0, max([*names, spare[len(people)]])))
    return sorted(people, reverse=True)


def _rank(one: Counted) -> tuple[int, str]:
    return (one.minutes, one.name)


def _taken(people: list[Counted], minutes: int | None) -> list[str]:
    """Take the first one with so many minutes out of a list, and return the name."""
    if minutes is None:
        return []
    return [people.pop(next(place for place, one in enumerate(people) if one.minutes == minutes)).name]


Choice = tuple[int | None, int | None]
"""The minutes of one of the live list and of one of the replay's; None: of nobody there."""
Match = tuple[int | None, int | None, int]
"""The same, and how many minutes they come to together."""


def match(live: Sequence[int], on_demand: Sequence[int], engaged: Sequence[int]) -> list[Match] | None:
    """Return who is who, by minutes given with most first, in the order of `engaged`; None where it cannot be."""
    search = _Search(Counter(live), Counter(on_demand), Counter(engaged))
    if search.pairs < 0 or search.slack < 0:
        return None
    try:
        chosen = search.run(engaged)
    except _TooLongError:
        return _in_order(live, on_demand, search.pairs, search.slack)
    return None if chosen is None else [(*one, minutes) for one, minutes in zip(chosen, engaged, strict=True)]


def _in_order(live: Sequence[int], on_demand: Sequence[int], pairs: int, slack: int) -> list[Match] | None:
    """Pair those with most minutes, and let as many of their minutes be both at once as there are to be."""
    found: list[Match] = []
    for at_live, replayed in zip(live[:pairs], on_demand[:pairs], strict=True):
        at_once = min(at_live, replayed, slack)
        slack -= at_once
        found.append((at_live, replayed, at_live + replayed - at_once))
    found += [(one, None, one) for one in live[pairs:]] + [(None, one, one) for one in on_demand[pairs:]]
    return found if not slack else None


class _TooLongError(Exception):
    """The search was given up."""


class _Search:
    """Depth first, from the most minutes to the fewest, equal minutes tried once."""

    def __init__(self, live: Counter[int], on_demand: Counter[int], engaged: Counter[int]) -> None:
        self._live, self._on_demand, self._engaged = live.copy(), on_demand.copy(), engaged.copy()
        self.pairs = live.total() + on_demand.total() - engaged.total()
        """How many people are still to be found who are on both lists."""
        self.slack = sum(live.elements()) + sum(on_demand.elements()) - sum(engaged.elements())
        """How many minutes were both at once, as far as they are not given to anybody yet."""

    def run(self, engaged: Sequence[int]) -> list[Choice] | None:
        """Return a choice for each of the people of all; None if there is none. What is counted stays as it was."""
        chosen: list[Choice] = []
        under_way: list[Iterator[Choice]] = []
        before = (self.pairs, self.slack)
        for _ in range(MAX_STEPS + 2 * len(engaged)):
            if len(chosen) == len(engaged) and not self.slack and not self.pairs:
                self.pairs, self.slack = before
                return chosen
            if len(chosen) < len(engaged) and len(under_way) == len(chosen):
                under_way.append(iter(self._choices(engaged[len(chosen)])))
            if len(chosen) == len(under_way):  # all are chosen, and it does not come out
                if not chosen:
                    return None
                self._take(chosen.pop(), engaged[len(chosen)], -1)
            choice = next(under_way[-1], None)
            if choice is not None:
                self._take(choice, engaged[len(chosen)], 1)
                chosen.append(choice)
                continue
            under_way.pop()
            if not under_way:
                return None
            self._take(chosen.pop(), engaged[len(chosen)], -1)
        for place, choice in reversed(list(enumerate(chosen))):
            self._take(choice, engaged[place], -1)
        raise _TooLongError

    def _take(self, choice: Choice, minutes: int, times: int) -> None:
        at_live, on_demand = choice
        self._engaged[minutes] -= times
        for left, one in ((self._live, at_live), (self._on_demand, on_demand)):
            if one is not None:
                left[one] -= times
        if at_live is not None and on_demand is not None:
            self.pairs -= times
            self.slack -= times * (at_live + on_demand - minutes)

    def _choices(self, minutes: int) -> list[Choice]:
        """Return who may come to so many minutes, given that all others have at most as many; the likely ones first.

        Where more have so many in all than have them on either list, some of them are on both; and likely to be are
        those whose minutes fewer have in all.
        """
        live, on_demand = _left(self._live), _left(self._on_demand)
        if (live and live[0] > minutes) or (on_demand and on_demand[0] > minutes):
            return []
        alone: list[Choice] = []
        if self._live[minutes] and self._live.total() > self.pairs:
            alone.append((minutes, None))
        if self._on_demand[minutes] and self._on_demand.total() > self.pairs:
            alone.append((None, minutes))
        if not self.pairs:
            return alone
        both: list[Choice] = [
            (at_live, replayed)
            for at_live in live
            for replayed in on_demand
            if 0 <= at_live + replayed - minutes <= self.slack
        ]
        lacking = {one: self._lacks(one) for one in {*live, *on_demand}}
        both.sort(key=lambda one: lacking[one[0] or 0] + lacking[one[1] or 0], reverse=True)
        return [*both, *alone] if self._lacks(minutes) < 0 else [*alone, *both]

    def _lacks(self, minutes: int) -> int:
        """Return how many more have so many minutes on a list than have them in all."""
        return self._live[minutes] + self._on_demand[minutes] - self._engaged[minutes]


def _left(minutes: Counter[int]) -> list[int]:
    """Return the minutes that somebody still has, the most first."""
    return sorted((one for one, count in minutes.items() if count), reverse=True)
