"""The company tree: walking it from the root, bounded, and deciding what of it is new, renamed or gone."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

from slugify import slugify

from sequel_assets.sequel import Company, Forbidden, NotFound, SequelClient
from sequel_assets.warehouse import catalog, parents, problems
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.problems import Problem
from sequel_assets.warehouse.tables import NO_DAY, companies

MOST_COMPANIES = 10_000
LONGEST_SLUG = 40


@dataclass
class Walk:
    """What a walk of the tree found."""

    found: dict[str, tuple[Company, str | None, int]] = field(default_factory=dict)
    """company id -> the company, its parent's id, its depth; in the order of the walk, parents first."""
    gone: set[str] = field(default_factory=set)
    """Companies that were listed or known, and answered 404."""
    unknown_beneath: set[str] = field(default_factory=set)
    """Companies whose children Sequel did not tell (403: the licence)."""
    listed_by: dict[str, list[str]] = field(default_factory=dict)
    """company id -> every company that lists it, in the order of the walk."""
    notes: list[Problem] = field(default_factory=list)


def walk(client: SequelClient, root_id: str, pool: Executor) -> Walk:
    """Ask for the root and, level by level, for the companies beneath; each company once, however often it is listed."""
    root = client.company(root_id)
    seen = Walk(found={root.uid: (root, None, 0)})
    level = [root.uid]
    depth = 0
    while level:
        depth += 1
        children = list(pool.map(lambda company_id: _children(client, company_id), level))
        following: list[str] = []
        for parent, answer in zip(level, children, strict=True):
            if answer is None:
                seen.unknown_beneath.add(parent)
                reason = "Sequel refuses to list its sub-companies (403: is the parent's licence valid?); those known stay as they are"
                seen.notes.append(Problem(parent, companies.name, reason))
                continue
            for child in answer:
                _meet(seen, child, parent, depth, following)
        level = following
    return seen


def _children(client: SequelClient, company_id: str) -> list[Company] | None:
    try:
        return client.sub_companies(company_id)
    except Forbidden:
        return None
    except NotFound:
        return []


def _meet(seen: Walk, child: Company, parent: str, depth: int, following: list[str]) -> None:
    seen.listed_by.setdefault(child.uid, []).append(parent)
    if child.uid in seen.found:
        return
    if len(seen.found) >= MOST_COMPANIES:
        first = next(iter(seen.found))
        if not any(note.event_id == "(more)" for note in seen.notes):
            reason = f"more than {MOST_COMPANIES} companies beneath the root; the rest is left out"
            seen.notes.append(Problem(first, companies.name, reason, event_id="(more)"))
        return
    seen.found[child.uid] = (child, parent, depth)
    following.append(child.uid)


def place(seen: Walk, stood: Mapping[str, str | None]) -> None:
    """Put each company that several list beneath the one that it names itself, else where it stood, else where it was met.

    So that a company stands in one place, whatever else lists it this time. One that does not tell its children is not
    asked to confirm it; a choice that would close a loop is none.
    """
    parents = {company_id: parent for company_id, (_, parent, _) in seen.found.items()}

    def above(company_id: str) -> list[str]:
        line = []
        at = parents[company_id]
        while at is not None:
            line.append(at)
            at = parents[at]
        return line

    for company_id, (company, first, _) in seen.found.items():
        may_be = {*seen.listed_by.get(company_id, ()), *seen.unknown_beneath} - {company_id} if first else set()
        for parent in (company.parent_company_id, stood.get(company_id)):
            if parent is not None and parent in may_be and company_id not in above(parent):
                parents[company_id] = parent
                break
        for other in seen.listed_by.get(company_id, ()):
            if other != parents[company_id]:
                where = "itself" if other == company_id else f"company {other} too"
                kept = parents[company_id] or "nothing, as the root"
                reason = f"is listed beneath {where}; it is kept beneath {kept}"
                seen.notes.append(Problem(company_id, companies.name, reason))
    placed = {key: (company, parents[key], len(above(key))) for key, (company, _, _) in seen.found.items()}
    seen.found = dict(sorted(placed.items(), key=lambda item: item[1][2]))


class PartitionKeys:
    """The partition key of each company: slug of its name, a dot, the first 8 hex digits of its id's SHA-256.

    `taken` are the keys by company; `known_keys` those that Dagster has, where the key of a company whose warehouse was
    rebuilt is found again by its digits. Should two companies share 8 digits, the second one gets 16.
    """

    def __init__(self, taken: Mapping[str, str], known_keys: Iterable[str]) -> None:
        self._taken = dict(taken)
        self._digits = {_digits_of(key) for key in taken.values()}
        self._known = {_digits_of(key): key for key in sorted(known_keys, reverse=True)}

    def of(self, company_id: str, name: str) -> str:
        """Return the key of a company, which is taken from now on."""
        if company_id not in self._taken:
            self._taken[company_id] = key = self._new(company_id, name)
            self._digits.add(_digits_of(key))
        return self._taken[company_id]

    def _new(self, company_id: str, name: str) -> str:
        digest = hashlib.sha256(company_id.encode("utf-8", "surrogatepass")).hexdigest()
        for digits in (digest[:8], digest[:16], digest):
            if digits not in self._digits:
                return self._known.get(digits) or f"{slugify(name, max_length=LONGEST_SLUG) or 'company'}.{digits}"
        raise ValueError(f"company {company_id}: its id's digest is taken")


def _digits_of(key: str) -> str:
    return key.rpartition(".")[2]


def decide(
    known: Sequence[KnownCompany], seen: Walk, known_keys: Iterable[str]
) -> tuple[list[KnownCompany], list[str]]:
    """Return the companies as they are to be stored now, and the ids of known ones to be asked whether they are gone.

    A company that is known, was not found, and stands beneath one whose children Sequel does not tell, stays.
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
        and not _beneath(company.company_id, seen.unknown_beneath, parents)
    ]
    return now, doubtful


def _beneath(company_id: str, above: set[str], parents: Mapping[str, str | None]) -> bool:
    steps, at = 0, parents.get(company_id)
    while at is not None and steps <= len(parents):
        if at in above:
            return True
        at, steps = parents.get(at), steps + 1
    return False


def refresh_companies(
    client: SequelClient,
    warehouse: Warehouse,
    root_id: str,
    pool: Executor,
    *,
    clock: Callable[[], datetime],
    known_keys: Iterable[str],
) -> list[KnownCompany]:
    """Walk the tree and store it; return every company that is not gone. Sequel's errors are the caller's."""
    seen = walk(client, root_id, pool)
    with warehouse.read() as connection:
        known = catalog.known_companies(connection)
    place(seen, {company.company_id: company.parent_company_id for company in known})
    now, doubtful = decide(known, seen, known_keys)
    gone = [
        company_id
        for company_id, is_gone in zip(doubtful, pool.map(lambda c: _is_gone(client, c), doubtful), strict=True)
        if is_gone
    ]
    at = clock()
    with warehouse.write() as connection:
        catalog.save_companies(connection, now, at=at)
        catalog.mark_gone(connection, gone, at=at)
        parents.remember(connection, {company.company_id: company.parent_company_id for company in now}, at.date())
    notes = {note.company_id: note for note in reversed(seen.notes)}  # the first one of each
    with warehouse.read() as connection:
        noted = problems.companies_with(connection, companies.name)
    for company in now:  # of thousands hardly any has had a note, or has one now
        if company.company_id in noted or company.company_id in notes:
            standing = [notes[company.company_id]] if company.company_id in notes else []
            problems.settle(warehouse, company.company_id, companies.name, [NO_DAY], standing, at=at)
    with warehouse.read() as connection:
        return catalog.present_companies(connection)


def _is_gone(client: SequelClient, company_id: str) -> bool:
    try:
        client.company(company_id)
    except NotFound:
        return True
    return False
