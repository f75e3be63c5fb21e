"""The company hierarchy: deciding, of what a walk has found, where each company stands and what is new, renamed or gone.

No roll-up is written over a company whose sub-companies Sequel has never listed. The mark is a problem of the company, of
a kind of its own. A company whose sub-companies were listed at some time has what is known of them, and no mark.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime

from sequel_assets.refresh.core.existence import is_known
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.refresh.discovery.company_selection import EVERYONE, CompanySelection
from sequel_assets.refresh.discovery.company_walk import Walk, once_each, walk
from sequel_assets.refresh.discovery.partition_keys import PartitionKeys
from sequel_assets.sequel import FATAL, SequelClient, SequelError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.transactions import repeats
from sequel_assets.warehouse.stores import catalog, problems
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.stores.problems import Problem, ProblemKind
from sequel_assets.warehouse.tables.core import NO_DAY, companies

NO_ROLL_UP = "its sub-companies are not known, so no roll-up is written over it"


def place(seen: Walk, stood: Mapping[str, str | None]) -> None:
    """Put each company that several list under the one that it names, else where it stood, else where it was met.

    So that a company stands in one place, whatever else lists it this time. One that does not list its sub-companies
    need not confirm it; a choice that would close a loop is none.
    """
    parents = {company_id: parent for company_id, (_, parent, _) in seen.found.items()}
    for company_id, (company, first, _) in seen.found.items():
        may_be = {*seen.listed_by.get(company_id, ()), *seen.unlisted} - {company_id} if first else set()
        named = Spellings(may_be).find(company.parent_company_id) if company.parent_company_id else None
        for parent in (named, stood.get(company_id)):
            if parent is not None and parent in may_be and company_id not in ancestors(parent, parents):
                parents[company_id] = parent
                break
        for other in seen.listed_by.get(company_id, ()):
            if other != parents[company_id]:
                where = "itself" if other == company_id else f"company {other} too"
                kept = parents[company_id] or "nothing, as the root"
                reason = f"is listed under {where}; it stays under {kept}"
                seen.notes.append(Problem(company_id, companies.name, reason))
    placed = {key: (company, parents[key], len(ancestors(key, parents))) for key, (company, _, _) in seen.found.items()}
    seen.found = dict(sorted(placed.items(), key=lambda item: item[1][2]))


def diff(known: Sequence[KnownCompany], seen: Walk, known_keys: Iterable[str]) -> tuple[list[KnownCompany], list[str]]:
    """Return the companies as they are to be stored now, and the ids of known ones that may be gone.

    A company that is known, was not found, and stands under one whose sub-companies Sequel does not list, stays.
    """
    keys = PartitionKeys({company.company_id: company.partition_key for company in known}, known_keys)
    now: list[KnownCompany] = []
    for company_id, (company, parent, depth) in seen.found.items():
        key = keys.of(company_id, company.name)
        now.append(KnownCompany(company_id, key, company.name or key, parent, depth, None))
    parents = {company.company_id: company.parent_company_id for company in known}
    doubtful = [
        company.company_id
        for company in known
        if company.company_id not in seen.found
        and company.gone_at is None
        and not is_descendant(company.company_id, seen.unlisted, parents)
    ]
    return now, doubtful


def is_descendant(company_id: str, above: Collection[str], parents: Mapping[str, str | None]) -> bool:
    """Say whether a company is a descendant of one of these."""
    return any(at in above for at in ancestors(company_id, parents))


def ancestors(company_id: str, parents: Mapping[str, str | None]) -> list[str]:
    """Return the companies above one, the nearest first; a loop ends where it began."""
    found: list[str] = []
    at = parents.get(company_id)
    while at is not None and at != company_id and at not in found:
        found.append(at)
        at = parents.get(at)
    return found


@dataclass(frozen=True)
class WalkFinding:
    """The company hierarchy as Sequel lists it now, compared with what was known; nothing of it is stored yet."""

    now: list[KnownCompany]
    """The companies that the walk met, as they are to be stored."""
    staying: list[KnownCompany]
    """Known ones that it did not meet and that are not gone."""
    gone: list[str]
    notes: dict[str, Problem]
    """company id -> the first of what is to be said of it."""
    unread: frozenset[str] = frozenset()
    """Companies whose sub-companies Sequel does not list now."""

    @property
    def present(self) -> list[KnownCompany]:
        """The companies that are not gone, the root first, then by depth and key."""
        return sorted([*self.now, *self.staying], key=lambda company: (company.depth, company.partition_key))


def look(
    client: SequelClient,
    known: Sequence[KnownCompany],
    root_id: str,
    pool: Executor,
    known_keys: Iterable[str],
    selection: CompanySelection = EVERYONE,
) -> WalkFinding:
    """Walk the hierarchy and look up each known company that was not met; store nothing.

    What Sequel answers of the root is the caller's. Of any other company an error is a note: one that Sequel does not
    answer about stays as it was, and so do its sub-companies. What the selection leaves out counts as gone.
    """
    seen = walk(client, root_id, pool)
    parents_of = {company.company_id: company.parent_company_id for company in known}
    once_each(client, seen, [company.company_id for company in known if company.gone_at is None], pool)
    place(seen, parents_of)
    now, doubtful = diff(known, seen, known_keys)
    answers = dict(zip(doubtful, pool.map(lambda at: _is_gone(client, at), doubtful), strict=True))
    unanswered = {company_id: answer for company_id, answer in answers.items() if isinstance(answer, SequelError)}
    for company_id, error in unanswered.items():
        reason = f"Sequel lists it no more and does not answer whether it is gone; it stays as it was: {error}"
        seen.notes.append(Problem(company_id, companies.name, reason))
    gone = [
        at for at, answer in answers.items() if answer is True and not is_descendant(at, unanswered.keys(), parents_of)
    ]
    left = {company.company_id for company in now} | set(gone)
    staying = [company for company in known if company.gone_at is None and company.company_id not in left]
    notes = {note.company_id: note for note in reversed(seen.notes)}
    left_out = selection.left_out(now[0].company_id, [*now, *staying], known)
    gone += [
        one.company_id
        for one in known
        if one.company_id in left_out and one.gone_at is None and one.company_id not in gone
    ]
    return WalkFinding(
        [company for company in now if company.company_id not in left_out],
        [company for company in staying if company.company_id not in left_out],
        gone,
        {company_id: note for company_id, note in notes.items() if company_id not in left_out},
        frozenset(seen.unlisted) - left_out,
    )


def _is_gone(client: SequelClient, company_id: str) -> bool | SequelError:
    try:
        return not is_known(lambda: client.company(company_id))
    except FATAL:
        raise
    except SequelError as error:
        return error


def marked(note: Problem, unread: Collection[str], listed_before: Collection[str]) -> Problem:
    """Return what is said of a company, marked where its sub-companies could not be read and never were. Pure."""
    if note.company_id not in unread or note.company_id in listed_before:
        return note
    return replace(note, kind=ProblemKind.UNKNOWN_CHILDREN, reason=f"{note.reason}; {NO_ROLL_UP}")


@repeats
def store(warehouse: Warehouse, found: WalkFinding, *, at: datetime) -> list[KnownCompany]:
    """Store what was found, and what is to be said of it; return every company that is not gone."""
    with warehouse.read() as connection:
        listed_before = {company.company_id for company in catalog.known_companies(connection)}
        listed_before -= problems.with_unknown_children(connection)
    notes = {key: marked(note, found.unread, listed_before) for key, note in found.notes.items()}
    noted = warehouse.ask(lambda connection: problems.companies_with(connection, companies.name))
    touched = [*found.gone, *(company.company_id for company in found.present)]
    # Marks come before the companies and go after them: a store that dies in between passes for none that was read.
    for company_id in touched:
        if company_id in notes:
            problems.replace_problems(
                warehouse, company_id, {companies.name: {NO_DAY: None}}, [notes[company_id]], at=at
            )
    with warehouse.write() as connection:
        catalog.save_companies(connection, found.now, at=at)
        catalog.mark_gone(connection, found.gone, at=at)
        catalog.save_parents(
            connection, {company.company_id: company.parent_company_id for company in found.now}, at.date()
        )
    for company_id in touched:
        if company_id in noted and company_id not in notes:  # of thousands hardly any
            problems.replace_problems(warehouse, company_id, {companies.name: {NO_DAY: None}}, [], at=at)
    with warehouse.read() as connection:
        return catalog.present_companies(connection)


def refresh_companies(
    client: SequelClient,
    warehouse: Warehouse,
    root_id: str,
    pool: Executor,
    *,
    clock: Callable[[], datetime],
    known_keys: Iterable[str],
    selection: CompanySelection = EVERYONE,
) -> list[KnownCompany]:
    """Walk the hierarchy and store it; return every company that is not gone. For errors see `look`."""
    known = warehouse.ask(catalog.known_companies)
    return store(warehouse, look(client, known, root_id, pool, known_keys, selection), at=clock())
