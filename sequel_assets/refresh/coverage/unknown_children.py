"""Companies of which Sequel has never told what stands beneath them: no roll-up is written over what is not known.

The mark is the problem of the company itself, under a name of its own in place of an event. One whose sub-companies were
told at some time has what is known of them, and no mark.
"""

from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa

from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import NO_DAY, companies, problems

NEVER_TOLD, CUT_OFF = "(sub-companies)", "(more)"
"""Sequel refused to list them, or there are more than are taken up."""
NO_ROLL_UP = "what stands beneath it is not known, so no roll-up is written over it"


def marked(note: Problem, unread: Collection[str], told_before: Collection[str]) -> Problem:
    """Return what is said of a company, marked where its sub-companies could not be read and never were. Pure."""
    if note.company_id not in unread or note.company_id in told_before:
        return note
    return replace(note, event_id=NEVER_TOLD, reason=f"{note.reason}; {NO_ROLL_UP}")


def read_unread(connection: sa.Connection) -> frozenset[str]:
    """Return the companies that bear a mark."""
    p = problems.c
    chosen = (p.dataset == companies.name, p.day == NO_DAY, p.event_id.in_((NEVER_TOLD, CUT_OFF)))
    return frozenset(connection.scalars(sa.select(p.company_id).where(*chosen)))
