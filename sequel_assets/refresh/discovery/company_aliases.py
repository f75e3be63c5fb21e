"""Companies of which a walk meets two spellings of the id count once; fields that cannot be read are noted."""

from collections.abc import Collection, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING

from sequel_assets.refresh.core.existence import twice_if_missing
from sequel_assets.refresh.core.id_spelling import same_things, spelled_twice
from sequel_assets.refresh.discovery.event_ownership import cannot_be_read
from sequel_assets.sequel import FATAL, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import companies

if TYPE_CHECKING:
    from sequel_assets.refresh.discovery.companies import Walk


def once_each(client: SequelClient, seen: "Walk", known: Collection[str], pool: Executor) -> None:
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


def _rename(seen: "Walk", same: Mapping[str, str]) -> None:
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
