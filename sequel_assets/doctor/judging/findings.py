"""A finding: what one check of the doctor found, what it means for the numbers, and what to set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sequel_assets.refresh.core.api_profile import Fact
from sequel_assets.sequel import Forbidden, SequelError, SignInRefused

Learned = Mapping[Fact, str | None]
"""What a check has learned; None: it looked, and it is as documented."""
NOTHING_TO_DO = ""


class Verdict(StrEnum):
    """How an answer compares with what is documented or assumed."""

    AS_DOCUMENTED = "as documented"
    DIFFERENT = "different"
    NOT_ANSWERED = "not answered"
    NOT_ALLOWED = "not allowed"


@dataclass(frozen=True)
class Finding:
    """The result of one check. No text of it comes from outside but ids."""

    check: str
    verdict: Verdict
    found: str
    """What was seen, in one line."""
    means: str
    """What it means for the numbers, in one line."""
    to_set: str = NOTHING_TO_DO
    """What the user is to set or to do, in one line; empty for nothing."""
    learned: Learned = field(default_factory=dict)
    is_blocking: bool = False
    """True where numbers of usage cannot be had as things are."""


def unanswered(check: str, error: SequelError, means: str, to_set: str = NOTHING_TO_DO) -> Finding:
    """Return the finding of a check whose request failed."""
    verdict = Verdict.NOT_ALLOWED if isinstance(error, Forbidden | SignInRefused) else Verdict.NOT_ANSWERED
    return Finding(check, verdict, str(error), means, to_set)


def unseen(check: str, why: str, means: str, to_set: str = NOTHING_TO_DO) -> Finding:
    """Return the finding of a check for which there is nothing to look at."""
    return Finding(check, Verdict.NOT_ANSWERED, why, means, to_set)


def count(number: int, what: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
