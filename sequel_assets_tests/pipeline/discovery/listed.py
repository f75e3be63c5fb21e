"""Events of a company and what is said of them, for the tests of lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import Attendance, Event
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants
from sequel_assets_tests.support.harness import ADA, BO, PlatformUnderTest, at, day, event

SQLITE = pytest.mark.parametrize("engine_kind", ["sqlite"])
TWO = [day(7), day(8)]


def several(number: int = 5, company: str = "kid", **more: Any) -> list[Event]:
    """Return events of the 7th, each with two people."""
    rows = [Attendance(ADA, live=[(at(7), 5)]), Attendance(BO, on_demand=[(at(7, 12), 3)])]
    return [
        event(f"{'e' if company == 'kid' else company}{n}", company, at(7), rows, **more) for n in range(1, number + 1)
    ]


def minutes(it: PlatformUnderTest) -> dict[tuple[str, str], int]:
    """Return the engaged minutes of each event, at its company."""
    p = event_participants.c
    query = sa.select(p.company_id, p.event_id, sa.func.sum(p.engaged_minutes)).group_by(p.company_id, p.event_id)
    with it.warehouse.read() as connection:
        return {(company, event_id): int(sum_) for company, event_id, sum_ in connection.execute(query)}


def said(it: PlatformUnderTest) -> dict[tuple[str, str, str], str]:
    """Return what stands as a problem, by company, dataset and event; all of them without a day."""
    assert {problem[2] for problem in it.problems()} <= {NO_DAY}
    return {(company, dataset, event_id): reason for company, dataset, _, event_id, reason in it.problems()}


Answers = Callable[[str, Callable[[Any], Any]], None]


def hide(answers: Answers, *event_ids: str) -> set[str]:
    """Leave events out of every list; return which, to be changed."""
    hidden = {*event_ids}
    answers("events", lambda document: [listed for listed in document if listed["uid"] not in hidden])
    return hidden
