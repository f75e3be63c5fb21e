"""The minutes of everybody in one event on one day, put together from the lists of live, on demand and all. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sequel_assets.refresh.usage.capped_lists import KindOfMinutes, Unlisted, exact_people, unlisted
from sequel_assets.refresh.usage.range_search import Contradiction, Totals
from sequel_assets.refresh.usage.same_name import together
from sequel_assets.refresh.usage.verification import Attendee, Counted


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
    """Everybody's minutes of one event on one day, and the totals they were verified against."""

    minutes: tuple[Minutes, ...]
    live: Totals
    on_demand: Totals
    engaged_minutes: int
    unlisted: Unlisted | None = None
    """What the totals have beyond the people; None where everybody is known."""

    @property
    def has_minutes(self) -> bool:
        """Say whether anybody was there, known or not."""
        return bool(self.minutes) or self.unlisted is not None


NOBODY = DayFacts((), Totals(0, 0), Totals(0, 0), 0)


@dataclass(frozen=True)
class VerifiedList:
    """The people of a list and the totals that it was verified against."""

    totals: Totals
    people: tuple[Counted, ...]
    is_capped: bool = False
    """True where Sequel lists only those with most minutes, and the totals were not reached."""


NO_LIST = VerifiedList(Totals(0, 0), ())


@dataclass(frozen=True)
class OnBoth:
    """Who stands on the live and on the replay's list; where one of them is capped, somebody unknown may."""

    emails: frozenset[str]
    """If there is nobody (and no name either), no minute can have been both."""
    unnamed: frozenset[str]
    """Names without an e-mail: only the list of everybody shows whether one person or two were meant."""


def on_both(live: VerifiedList, replay: VerifiedList) -> OnBoth:
    """Return who may have minutes of both types."""
    emails, names = [], []
    for found in (live, replay):
        emails.append({one.email for one in found.people if one.email is not None})
        names.append({one.unnamed_by for one in found.people if one.email is None and one.minutes})
    both_emails, both_names = emails[0] & emails[1], names[0] & names[1]
    if (live.is_capped or replay.is_capped) and live.totals.minutes and replay.totals.minutes:
        both_names = both_names | {""}
    return OnBoth(frozenset(both_emails), frozenset(both_names))


def together_of(day: date, live: VerifiedList, replay: VerifiedList, everybody: VerifiedList | None) -> DayFacts:
    """Return everybody's minutes of a day; where a list is capped, of those that are known, and what is left."""
    if live.is_capped or replay.is_capped or (everybody is not None and everybody.is_capped):
        return _of_capped(live, replay, everybody)
    minutes = [*_of_emails(day, live, replay, everybody), *_of_names(live, replay, everybody)]
    return DayFacts(_in_order(minutes), live.totals, replay.totals, sum(person.engaged for person in minutes))


def _of_emails(
    day: date, live: VerifiedList, replay: VerifiedList, everybody: VerifiedList | None
) -> Iterator[Minutes]:
    """Yield the minutes of those who have an e-mail, who are one person on all lists."""
    nobody = ("", 0)
    alive, replayed, engaged = (
        {one.email: (one.name, one.minutes) for one in found.people if one.email is not None} if found else None
        for found in (live, replay, everybody)
    )
    for email in (alive or {}).keys() | (replayed or {}).keys() | (engaged or {}).keys():
        (name_a, at_live), (name_b, on_demand) = (alive or {}).get(email, nobody), (replayed or {}).get(email, nobody)
        name_c, both = engaged.get(email, nobody) if engaged is not None else ("", at_live + on_demand)
        if not max(at_live, on_demand) <= both <= at_live + on_demand:
            raise Contradiction(f"{day}: somebody has {at_live} live, {on_demand} on-demand and {both} minutes in all")
        if both:
            yield Minutes(Attendee(email), max(name_a, name_b, name_c), at_live, on_demand, both)


def _of_names(live: VerifiedList, replay: VerifiedList, everybody: VerifiedList | None) -> Iterator[Minutes]:
    """Yield the minutes of those who have no e-mail, numbered within each name by their minutes, the most first."""
    by_name: dict[str, tuple[list[Counted], list[Counted], list[Counted]]] = {}
    for place, found in enumerate((live, replay, everybody)):
        for one in found.people if found else ():
            if one.email is None:
                by_name.setdefault(one.unnamed_by, ([], [], []))[place].append(one)
    for name, (alive, replayed, engaged) in by_name.items():
        people = together(alive, replayed, engaged if everybody else [*alive, *replayed])
        for number, who in enumerate(people, start=1):
            yield Minutes(Attendee(None, name, number), who.name, who.live, who.on_demand, who.engaged)


def _of_capped(live: VerifiedList, replay: VerifiedList, everybody: VerifiedList | None) -> DayFacts:
    only = replay if not live.totals.minutes else live if not replay.totals.minutes else None
    if only is not None:  # one list has everything: its people are numbered by name as those of any list
        minutes = list(_of_names(live, replay, None)) + list(_of_emails(date.min, live, replay, None))
        engaged = only.totals
    else:
        assert everybody is not None  # noqa: S101 - requested wherever both types have minutes
        kinds = [_by_email(one) for one in (live, replay, everybody)]
        exact = exact_people(*kinds)
        minutes = [
            Minutes(Attendee(email), one.name, one.live, one.on_demand, one.engaged) for email, one in exact.items()
        ]
        engaged = everybody.totals
    numbers = [(one.live, one.on_demand, one.engaged) for one in minutes]
    left = unlisted(numbers, live.totals, replay.totals, engaged)
    return DayFacts(_in_order(minutes), live.totals, replay.totals, engaged.minutes, left if left.has_minutes else None)


def _by_email(found: VerifiedList) -> KindOfMinutes:
    by_email = {one.email: one for one in found.people if one.email is not None}
    return KindOfMinutes(found.totals, by_email, found.is_capped)


def _in_order(minutes: list[Minutes]) -> tuple[Minutes, ...]:
    return tuple(
        sorted(minutes, key=lambda one: (one.attendee.email or "", one.attendee.unnamed_by, one.attendee.number))
    )
