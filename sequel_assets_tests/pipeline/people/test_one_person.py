"""One human being, everywhere and however written: counted once."""

from __future__ import annotations

import sqlalchemy as sa

from sequel_assets.insights.company_rollup import company_rollup
from sequel_assets.insights.lifetime_usage import lifetime_usage
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope, select_people, select_usage
from sequel_assets.sandbox import Attendance, Company, Person
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import people
from sequel_assets_tests.support.harness import DAYS, LAST, at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import person_id

ZOE = Person("Zoë", "zoë.müller@example.org")
SPELLINGS = [
    "zoë.müller@example.org", " Zoë.Müller@Example.org", "ZOË.MÜLLER@EXAMPLE.ORG",
    "zoe\u0308.mu\u0308ller@example.org", "zoe\u0308.MÜLLER@example.ORG ",
]  # fmt: skip
FAMILY = [Company("root", "Root"), Company("kid", "Kid", "root"), Company("toddler", "Toddler", "kid")]


def test_one_person_in_three_companies_under_five_spellings_is_one_unique_user(warehouse: Warehouse) -> None:
    """Fetched over a socket: in each company, in the roll-up of each day, and in a range over the tree; minutes add up."""
    watched = [Attendance(ZOE, live=[(at(2 + n), 5)], email=email) for n, email in enumerate(SPELLINGS)]
    events = [
        event("e", "root", at(2), watched[:2]),
        event("f", "kid", at(4), watched[2:4]),
        event("g", "toddler", at(6), [*watched[4:], Attendance(ZOE, live=[(at(3, 12), 5)], email=SPELLINGS[1])]),
    ]
    with platform(world_of(*events, companies=FAMILY), warehouse) as it:
        assert failures(it.refresh()) == []
    scope = Scope("root", Days(DAYS[0], LAST), includes_sub_companies=True)
    who = person_id(ZOE.email or "")
    with warehouse.read() as connection:
        usage = [row._mapping for row in connection.execute(select_usage(scope))]
        ranked = [row._mapping for row in connection.execute(select_people(scope))]
        r, u = company_rollup.c, lifetime_usage.c
        chosen = (r.company_id == "root", r.event_type == "all")
        rolled_up = {row.day: row for row in connection.execute(sa.select(company_rollup).where(*chosen))}
        known = connection.execute(sa.select(people.c.company_id, people.c.person_id)).all()
        lifetime = connection.execute(
            sa.select(u.company_id, u.unique_users).where(u.day == LAST, u.event_type == "all")
        )
        own = {row.company_id: row.unique_users for row in lifetime}
    assert {(row["event_type"], row["unique_users"], row["engaged_minutes"], row["events"]) for row in usage} == {
        ("all", 1, 30, 3),
        ("virtualStageEvent", 1, 30, 3),
    }
    assert [(row["person_id"], row["engaged_minutes"], row["events"]) for row in ranked] == [(who, 30, 3)]
    assert (rolled_up[day(3)].unique_users, rolled_up[day(3)].engaged_minutes) == (1, 10)  # at the root and the toddler
    assert {row.unique_users for on, row in rolled_up.items() if on in (day(2), day(4), day(5), day(6))} == {1}
    assert sorted(known) == [(company.id, who) for company in sorted(FAMILY, key=lambda company: company.id)]
    assert own == {"root": 1, "kid": 1, "toddler": 1}
