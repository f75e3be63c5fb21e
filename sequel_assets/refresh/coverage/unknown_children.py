"""Companies whose sub-companies Sequel has never listed: no roll-up is written over what is not known.

The mark is a problem of the company, of a kind of its own. A company whose sub-companies were listed at some time has
what is known of them, and no mark.
"""

from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa

from sequel_assets.warehouse.stores.problems import Problem, ProblemKind
from sequel_assets.warehouse.tables.core import problems

NO_ROLL_UP = "its sub-companies are not known, so no roll-up is written over it"


def marked(note: Problem, unread: Collection[str], listed_before: Collection[str]) -> Problem:
    """Return what is said of a company, marked where its sub-companies could not be read and never were. Pure."""
    if note.company_id not in unread or note.company_id in listed_before:
        return note
    return replace(note, kind=ProblemKind.UNKNOWN_CHILDREN, reason=f"{note.reason}; {NO_ROLL_UP}")


def read_unread(connection: sa.Connection) -> frozenset[str]:
    """Return the companies that bear a mark."""
    p = problems.c
    return frozenset(connection.scalars(sa.select(p.company_id).where(p.kind == ProblemKind.UNKNOWN_CHILDREN)))
