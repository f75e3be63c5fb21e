"""Walking the company hierarchy from the root, bounded: each company once, however often and in whatever spelling it is met.

Of two spellings of an id Sequel says whether they are one. Fields that cannot be read are noted.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from sequel_assets.refresh.core.existence import twice_if_missing, twice_if_refused
from sequel_assets.refresh.core.id_spelling import same_things, spelled_twice
from sequel_assets.refresh.discovery.event_ownership import cannot_be_read
from sequel_assets.sequel import FATAL, Company, Forbidden, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.stores.problems import Problem, ProblemKind
from sequel_assets.warehouse.tables.core import companies

MAX_COMPANIES = 10_000


@dataclass
class Walk:
    """What a walk of the company hierarchy found."""

    found: dict[str, tuple[Company, str | None, int]] = field(default_factory=dict)
    """company id -> the company, its parent's id, its depth; in the order of the walk, parents first."""
    unlisted: set[str] = field(default_factory=set)
    """Companies whose sub-companies Sequel did not list: by their licence (403), or since it failed."""
    listed_by: dict[str, list[str]] = field(default_factory=dict)
    """company id -> every company that lists it, in the order of the walk."""
    notes: list[Problem] = field(default_factory=list)


def walk(client: SequelClient, root_id: str, pool: Executor) -> Walk:
    """Request the root and, level by level, the sub-companies; each company once, however often it is listed."""
    root = client.company(root_id)
    seen = Walk(found={root.uid: (root, None, 0)})
    level, depth = [root.uid], 0
    while level:
        depth += 1
        children = list(pool.map(lambda at: _children(client, at, is_root=at == root.uid), level))
        following: list[str] = []
        for parent, answer in zip(level, children, strict=True):
            if isinstance(answer, SequelError):
                seen.unlisted.add(parent)
                seen.notes.append(Problem(parent, companies.name, _why_unlisted(answer)))
                continue
            for child in answer:
                _meet(seen, child, parent, depth, following)
        level = following
    return seen


def _children(client: SequelClient, company_id: str, *, is_root: bool) -> list[Company] | SequelError:
    """Return the sub-companies of one, or why they are not listed: that is no reason to leave out the rest."""
    try:
        return twice_if_refused(lambda: client.sub_companies(company_id))
    except Forbidden as error:
        return error
    except SequelError as error:
        if is_root or isinstance(error, FATAL):
            raise
        return error


def _why_unlisted(error: SequelError) -> str:
    if isinstance(error, Forbidden):
        return (
            "Sequel refuses to list its sub-companies (403: is the parent's licence valid?); "
            "those known stay as they are"
        )
    return f"its sub-companies cannot be listed, those known stay as they are: {error}"


def _meet(seen: Walk, child: Company, parent: str, depth: int, following: list[str]) -> None:
    seen.listed_by.setdefault(child.uid, []).append(parent)
    if child.uid in seen.found:
        return
    if len(seen.found) >= MAX_COMPANIES:
        if not any(note.kind is ProblemKind.UNKNOWN_CHILDREN for note in seen.notes):
            reason = (
                f"more than {MAX_COMPANIES} companies in the hierarchy; "
                "the rest is left out, so no roll-up is written over it"
            )
            seen.notes.append(
                Problem(next(iter(seen.found)), companies.name, reason, kind=ProblemKind.UNKNOWN_CHILDREN)
            )
        return
    seen.found[child.uid] = (child, parent, depth)
    following.append(child.uid)


def once_each(client: SequelClient, seen: Walk, known: Collection[str], pool: Executor) -> None:
    """Give each company that was met one id: the known one, where Sequel says that two spellings are one.

    Of two that cannot be distinguished now the known one, or the first, is kept alone: nothing is counted twice.
    """
    groups = spelled_twice(seen.found, known)
    spelled = [one for group in groups for one in group]
    answers = dict(zip(spelled, pool.map(lambda at: _uid(client, at), spelled), strict=True))
    same: dict[str, str] = {}
    for group in groups:
        answered = {one: uid for one in group if not isinstance(uid := answers[one], SequelError)}
        same |= same_things([group], answered if len(answered) == len(group) else dict.fromkeys(group, group[0]), known)
    if same:
        _rename(seen, same)
    seen.notes += [
        Problem(
            kept, companies.name, f"is also listed as {one!r}, which differs in case or blanks alone; it counts once"
        )
        for one, kept in sorted(same.items())
    ]
    seen.notes += [
        Problem(company_id, companies.name, cannot_be_read(company.bad_fields))
        for company_id, (company, _, _) in seen.found.items()
        if company.bad_fields
    ]


def _uid(client: SequelClient, company_id: str) -> str | SequelError | None:
    try:
        return twice_if_missing(lambda: client.company(company_id)).uid
    except NotFound:
        return None
    except FATAL:
        raise
    except SequelError as error:
        return error


def _rename(seen: Walk, same: Mapping[str, str]) -> None:
    found, seen.found = seen.found, {}
    for company_id, (company, parent, depth) in found.items():
        kept = same.get(company_id, company_id)
        above = same.get(parent, parent) if parent is not None else None
        seen.found.setdefault(kept, (company.model_copy(update={"uid": kept}), above, depth))
    listed_by, seen.listed_by = seen.listed_by, {}
    for company_id, listers in listed_by.items():
        mine = seen.listed_by.setdefault(same.get(company_id, company_id), [])
        mine += [one for one in dict.fromkeys(same.get(lister, lister) for lister in listers) if one not in mine]
    seen.unlisted = {same.get(one, one) for one in seen.unlisted}
    seen.notes = [replace(note, company_id=same.get(note.company_id, note.company_id)) for note in seen.notes]
