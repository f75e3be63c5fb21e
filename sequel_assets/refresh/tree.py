"""The company tree: walking it from the root, bounded, and deciding what of it is new, renamed or gone."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

from slugify import slugify

from sequel_assets.sequel import Company, Forbidden, NotFound, SequelClient
from sequel_assets.warehouse import catalog, problems
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
    if child.uid in seen.found:
        where = "itself" if child.uid == parent else f"company {parent} too"
        known_parent = seen.found[child.uid][1]
        if known_parent != parent:
            reason = f"is listed beneath {where}; it is kept beneath {known_parent or 'nothing, as the root'}"
            seen.notes.append(Problem(child.uid, companies.name, reason))
        return
    if len(seen.found) >= MOST_COMPANIES:
        first = next(iter(seen.found))
        if not any(note.event_id == "(more)" for note in seen.notes):
            reason = f"more than {MOST_COMPANIES} companies beneath the root; the rest is left out"
            seen.notes.append(Problem(first, companies.name, reason, event_id="(more)"))
        return
    seen.found[child.uid] = (child, parent, depth)
    following.append(child.uid)


def partition_key(company_id: str, name: str, taken: Mapping[str, str], known_keys: Iterable[str]) -> str:
    """Return the partition key of a company: slug of its name, a dot, the first 8 hex digits of its id's SHA-256.

    `taken` are the keys by company; `known_keys` those that Dagster has, where the key of a company whose warehouse was
    rebuilt is found again by its digits. Should two companies share 8 digits, the second one gets 16.
    """
    if company_id in taken:
        return taken[company_id]
    digest = hashlib.sha256(company_id.encode("utf-8", "surrogatepass")).hexdigest()
    for length in (8, 16, 64):
        digits = digest[:length]
        if any(key.endswith(f".{digits}") for key in taken.values()):
            continue
        again = sorted(key for key in known_keys if key.endswith(f".{digits}"))
        return again[0] if again else f"{slugify(name, max_length=LONGEST_SLUG) or 'company'}.{digits}"
    raise ValueError(f"company {company_id}: its id's digest is taken")


def decide(
    known: Sequence[KnownCompany], seen: Walk, known_keys: Iterable[str]
) -> tuple[list[KnownCompany], list[str]]:
    """Return the companies as they are to be stored now, and the ids of known ones to be asked whether they are gone.

    A company that is known, was not found, and stands beneath one whose children Sequel does not tell, stays.
    """
    taken = {company.company_id: company.partition_key for company in known}
    known_keys = list(known_keys)
    now: list[KnownCompany] = []
    for company_id, (company, parent, depth) in seen.found.items():
        key = partition_key(company_id, company.name, taken, known_keys)
        taken[company_id] = key
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
    for company in now:
        notes = [note for note in seen.notes if note.company_id == company.company_id]
        problems.settle(warehouse, company.company_id, companies.name, [NO_DAY], notes[:1], at=at)
    with warehouse.read() as connection:
        return catalog.present_companies(connection)


def _is_gone(client: SequelClient, company_id: str) -> bool:
    try:
        client.company(company_id)
    except NotFound:
        return True
    return False
