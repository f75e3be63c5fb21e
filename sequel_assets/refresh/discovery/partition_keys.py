"""The keys by which Dagster and people name companies: readable, short, and the same for ever."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from slugify import slugify

LONGEST_SLUG = 40
_KEY = re.compile(r"(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)\.(?:[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{64})")
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_ours(key: str) -> bool:
    """Say whether a key is exactly of the form that is made here: nothing else is taken over from Dagster."""
    found = _KEY.fullmatch(key)
    return found is not None and len(found["slug"]) <= LONGEST_SLUG


def is_plain(key: str) -> bool:
    """Say whether a key that the warehouse holds may name a folder: one part of a path, that leads nowhere else."""
    return _PART.fullmatch(key) is not None


class PartitionKeys:
    """The partition key of each company: slug of its name, a dot, the first 8 hex digits of its id's SHA-256.

    `taken` are the keys by company; `known_keys` those that Dagster has, where the key of a company whose warehouse was
    rebuilt is found again by its digits; anybody may add keys there, so those of another form are passed over. Should
    two companies share 8 digits, the second one gets 16.
    """

    def __init__(self, taken: Mapping[str, str], known_keys: Iterable[str]) -> None:
        self._taken = dict(taken)
        self._digits = {_digits_of(key) for key in taken.values()}
        self._known = {_digits_of(key): key for key in sorted(known_keys, reverse=True) if is_ours(key)}

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
