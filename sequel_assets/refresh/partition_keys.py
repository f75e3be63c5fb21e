"""The keys by which Dagster and people name companies: readable, short, and the same for ever."""

import hashlib
from collections.abc import Iterable, Mapping

from slugify import slugify

LONGEST_SLUG = 40


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
