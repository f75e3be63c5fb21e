"""Verification: a list is taken when its people and its minutes are those of the totals that came with it.

Sequel's lists are untidy (one person in several spellings, a row listed twice), its totals are not. So a list is taken
as it stands, or without rows that repeat another to the letter; and its rows are one person each, or with the spellings
of one e-mail merged, or those of one name too. The first reading that meets both totals is the right one, and if none
does the list is refused. So the totals decide how many people rows without an e-mail stand for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from math import gcd

from sequel_assets.warehouse.stores.people import normal_email, normal_name

MAX_REPEATS, MAX_ROWS_READ = 12, 200_000
"""Where some rows repeat another and some do not: up to so many of them, and so much work, the way is looked for."""


@dataclass(frozen=True, slots=True)
class ListedPeople:
    """One row of a participants list, to the letter."""

    name: str
    email: str | None
    minutes: int


@dataclass(frozen=True, slots=True)
class Attendee:
    """A person within one event and day: the normal e-mail, or for lack of one the normal name and a number."""

    email: str | None
    unnamed_by: str = ""
    """The normal name where there is no e-mail, else empty."""
    number: int = 1
    """Which one of the people of that name."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One person of one list. Those without an e-mail may be several of one name, and have no number yet."""

    email: str | None
    unnamed_by: str
    name: str
    minutes: int


class DoesNotReconcile(Exception):  # noqa: N818 - the word of the matter
    """A list does not come to the totals that came with it."""


class Apart(Enum):
    """What rows without an e-mail stand for."""

    EACH = "a person each"
    BY_SPELLING = "the spellings of one name are one person, rows of one spelling are several"
    BY_NAME = "a person for each name"


@dataclass(frozen=True)
class ListReading:
    """The rows of a list that count, and what those without an e-mail stand for."""

    rows: Sequence[ListedPeople]
    apart: Apart


def verify(users: int, total_minutes: int, listed: Sequence[ListedPeople]) -> list[Counted]:
    """Return the people of a list, or raise `DoesNotReconcile` with both sums."""
    return people_of(read(users, total_minutes, listed))


def read(users: int, total_minutes: int, listed: Sequence[ListedPeople]) -> ListReading:
    """Return the reading of a list that comes to the totals, or raise `DoesNotReconcile` with both sums."""
    minutes = _minutes(listed)
    if len(listed) == users and minutes == total_minutes:
        return ListReading(listed, Apart.EACH)
    whole_lists = [rows for rows in _uniform(listed) if _minutes(rows) == total_minutes]
    for are_people in (True, False):
        for rows in whole_lists:
            apart = _apart(rows, users, are_people=are_people)
            if apart is not None:
                return ListReading(rows, apart)
        reading = _with_some_repeats(listed, users, minutes - total_minutes, are_people=are_people)
        if reading is not None:
            return reading
    found = f"{len(listed)} people with {minutes} minutes listed, {users} with {total_minutes} expected"
    if len(listed) < users:
        raise DoesNotReconcile(f"{found}: Sequel caps the list")
    raise DoesNotReconcile(found)


def people_of(reading: ListReading) -> list[Counted]:
    """Return the people that a list stands for; which order its rows had does not matter for who they are."""
    emails: dict[str, list[ListedPeople]] = defaultdict(list)
    names: dict[str, list[ListedPeople]] = defaultdict(list)
    for row in reading.rows:
        email = normal_email(row.email)
        (emails[email] if email else names[normal_name(row.name)]).append(row)
    people = [_one(email, "", rows) for email, rows in emails.items()]
    for name, rows in names.items():
        people += [_one(None, name, theirs) for theirs in _each(rows, reading.apart)]
    return people


def _each(rows: Sequence[ListedPeople], apart: Apart) -> Iterable[Sequence[ListedPeople]]:
    """Return the rows of each person of one name."""
    if apart is Apart.BY_NAME:
        return [rows]
    if apart is Apart.EACH:
        return [[row] for row in rows]
    spellings: dict[str, list[ListedPeople]] = defaultdict(list)
    for row in rows:
        spellings[row.name].append(row)
    people: list[list[ListedPeople]] = [[] for _ in range(max(map(len, spellings.values())))]
    for theirs in spellings.values():
        for person, row in zip(people, sorted(theirs, key=lambda row: -row.minutes), strict=False):
            person.append(row)
    return people


def _one(email: str | None, unnamed_by: str, rows: Sequence[ListedPeople]) -> Counted:
    """Return a person with all their minutes; of several spellings of the name the last in order."""
    return Counted(email, unnamed_by, max(row.name.strip() for row in rows), _minutes(rows))


def _minutes(rows: Iterable[ListedPeople]) -> int:
    return sum(row.minutes for row in rows)


def _uniform(listed: Sequence[ListedPeople]) -> Iterator[Sequence[ListedPeople]]:
    """Yield a list as it stands, as if all of it were listed several times, without repeats, and without some of them.

    Those are the rows with an e-mail, or those without one.
    """
    times = Counter(listed)
    unique = list(times)
    yield listed
    if len(unique) == len(listed):
        return
    common = gcd(*times.values())
    for repeats in range(common, 1, -1):  # the true list may itself have each row several times
        if common % repeats == 0:
            yield list(Counter({row: count // repeats for row, count in times.items()}).elements())
    yield unique
    has_email = {row: normal_email(row.email) is not None for row in unique}
    for with_email in (False, True):
        kept = [row for row in unique if has_email[row] != with_email]
        yield kept + [row for row in listed if has_email[row] == with_email]


def _apart(rows: Sequence[ListedPeople], users: int, *, are_people: bool) -> Apart | None:
    """Return the reading by which rows stand for as many as the totals say; None where there is none.

    With `are_people` those are people, as we count them, else Sequel has counted the spellings of an e-mail.
    """
    emails = [email for row in rows if (email := normal_email(row.email))]
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if normal_email(row.email) is None:
            spellings[normal_name(row.name)][row.name] += 1
    unnamed = users - (len(set(emails)) if are_people else len(emails))
    counts = {
        Apart.EACH: len(rows) - len(emails),
        Apart.BY_SPELLING: sum(max(of_name.values()) for of_name in spellings.values()),
        Apart.BY_NAME: len(spellings),
    }
    return next((apart for apart, count in counts.items() if count == unnamed), None)


def _with_some_repeats(
    listed: Sequence[ListedPeople], users: int, excess: int, *, are_people: bool
) -> ListReading | None:
    """Return the reading without repeats of some rows that come to so many minutes; None where there is not one."""
    times = {row: count for row, count in Counter(listed).items() if count > 1}
    if excess < 0 or not times or sum(times.values()) - len(times) > MAX_REPEATS:
        return None
    found: dict[frozenset[tuple[Counted, int]], ListReading] = {}
    tries = list(_left_out(list(times.items()), excess))
    if len(tries) * len(listed) > MAX_ROWS_READ:
        return None
    for left_out in tries:
        rows = list((Counter(listed) - Counter(left_out)).elements())
        apart = _apart(rows, users, are_people=are_people)
        if apart is not None:
            reading = ListReading(rows, apart)
            found[frozenset(Counter(people_of(reading)).items())] = reading
    return next(iter(found.values())) if len(found) == 1 else None


def _left_out(times: Sequence[tuple[ListedPeople, int]], excess: int) -> Iterator[dict[ListedPeople, int]]:
    """Yield the ways to leave out repeats, one row at least stays of each, that come to so many minutes."""
    if not times:
        if excess == 0:
            yield {}
        return
    (row, count), rest = times[0], times[1:]
    if excess > sum(row.minutes * (count - 1) for row, count in times):
        return
    for fewer in range(count):
        if fewer * row.minutes <= excess:
            for left_out in _left_out(rest, excess - fewer * row.minutes):
                yield {**left_out, row: fewer}
