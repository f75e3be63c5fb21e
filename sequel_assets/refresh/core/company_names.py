"""Which company people mean by a text: an id, a partition key, a name, or the beginning of one that no other has. Pure.

Commands, notebooks and the settings that choose companies all name them by this rule.
"""

import unicodedata
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.safety.visible import MAX_NAMED, visible
from sequel_assets.warehouse.stores.catalog import KnownCompany

SUGGESTED_AT_MOST = 3


class CompanyNotFoundError(LookupError):
    """A text that names no company, or several; the message says which may be meant."""


def find_company(companies: Sequence[KnownCompany], text: str) -> KnownCompany:
    """Return the company that a text names; one that fits none or several raises `CompanyNotFoundError`."""
    spellings = Spellings(name for company in companies for name in (company.company_id, company.partition_key))
    found = _meant(companies, text, spellings.find(text))
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(visible(company.partition_key) for company in found[:MAX_NAMED])
        raise CompanyNotFoundError(f"{len(found)} companies have this name; use one of {keys}")
    raise CompanyNotFoundError(f"there is no such company; {_suggestion(companies, text)}")


def _meant(companies: Sequence[KnownCompany], text: str, spelled: str | None) -> list[KnownCompany]:
    """Return the companies that a text names, by the most exact rule that any of them fits."""
    name = _normalized(text)
    folded = name.casefold()
    rules: list[Callable[[KnownCompany], bool]] = [
        lambda one: text in (one.company_id, one.partition_key),
        lambda one: _normalized(one.name) == name,
        lambda one: spelled is not None and spelled in (one.company_id, one.partition_key),
        lambda one: folded in (_normalized(one.name).casefold(), _slug(one)),
        lambda one: any(_normalized(said).casefold().startswith(folded) for said in (one.name, one.partition_key)),
    ]
    if not name:
        return []
    return next((found for rule in rules if (found := [one for one in companies if rule(one)])), [])


def _normalized(name: str) -> str:
    """Return a name trimmed and in NFC: a terminal may encode accented letters differently from Sequel."""
    return unicodedata.normalize("NFC", name.strip())


def _slug(company: KnownCompany) -> str:
    """Return a partition key without the digits that make it unique."""
    return company.partition_key.rpartition(".")[0].casefold()


def _suggestion(companies: Sequence[KnownCompany], text: str) -> str:
    """Return which companies may be meant, else which there are."""
    said = {name.casefold(): one for one in companies for name in (one.name, _slug(one), one.company_id)}
    near = get_close_matches(_normalized(text).casefold(), said, SUGGESTED_AT_MOST)
    meant = dict.fromkeys(visible(said[name].partition_key) for name in near)
    if meant:
        return f"did you mean {' or '.join(meant)}?"
    known = ", ".join(visible(company.partition_key) for company in companies[:MAX_NAMED])
    more = f" and {len(companies) - MAX_NAMED} more" if len(companies) > MAX_NAMED else ""
    return f"known are {known}{more}"
