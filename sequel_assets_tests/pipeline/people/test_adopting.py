"""Adopting an older warehouse: whose it is, what is rewritten, and that it happens once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.identity.identity import (
    Identity,
    IdentityError,
    IdentitySettings,
    fingerprint,
    stored_identity,
)
from sequel_assets.warehouse.stores.catalog import WITH_PEOPLE
from sequel_assets.warehouse.stores.people import person_id
from sequel_assets.warehouse.tables.core import event_participants, metadata, people
from sequel_assets_tests.pipeline.people.older_warehouse import take_over
from sequel_assets_tests.support.harness import (
    NOW,
    day,
)
from sequel_assets_tests.support.reference import KEY, assert_equal_tables, dump_of_slices


def test_adopting_rewrites_what_the_rows_say_and_keeps_every_minute(old: Warehouse) -> None:
    """Before anything is asked: names in one form, one J, nameless people of the same ids in every table."""
    take_over(old)
    with old.read() as connection:
        p = event_participants.c
        facts = connection.execute(
            sa.select(p.event_id, p.day, p.person_id, p.engaged_minutes).where(p.company_id == "kid")
        ).all()
        listed = {
            table.name: set(
                connection.execute(sa.select(table.c.event_id, table.c.person_id).where(table.c.company_id == "kid"))
            )
            for table in WITH_PEOPLE
        }
        known = set(
            connection.execute(
                sa.select(people.c.person_id, people.c.email, people.c.name).where(people.c.company_id == "kid")
            )
        )

    def who(name: str, event_id: str = "e", number: int = 1) -> str:
        return person_id(KEY, None, name, event_id, number)

    jo, ada, bo, late = (
        person_id(KEY, email, "", "")
        for email in ("\u01f0o@example.org", "ada@example.org", "bo@example.org", "late@example.org")
    )
    assert {tuple(row) for row in facts} == {
        ("e", day(3), who(""), 6), ("e", day(3), who("guest"), 14), ("e", day(3), who("zo\u00eb"), 20),
        ("e", day(3), ada, 9), ("e", day(3), jo, 8), ("e", day(4), who("zo\u00eb"), 2), ("e", day(5), who("zo\u00eb"), 6),
        ("f", day(2), who("zo\u00eb", "f"), 5), ("f", day(2), who("bo", "f"), 7), ("f", day(2), bo, 7),
    }  # fmt: skip
    assert {tuple(row) for row in listed["event_activity"]} == {
        ("e", who("")), ("e", who("", number=2)), ("e", who("guest")), ("e", who("zo\u00eb")), ("e", who("zo\u00eb", number=2)),
        ("e", ada), ("e", jo), ("f", who("", "f")), ("f", who("zo\u00eb", "f")), ("f", who("bo", "f")), ("f", bo), ("f", late),
    }  # fmt: skip
    assert {tuple(row) for row in listed["registrants"]} == {
        ("e", ada),
        ("e", jo),
        ("f", who("", "f")),
        ("f", bo),
        ("f", late),
    }
    nameless = {who("", number=2), who("", "f")}  # who is in no facts: nothing is remembered of them
    assert {row.person_id for row in known} == {person for rows in listed.values() for _, person in rows} - nameless
    assert {(row.email, row.name) for row in known if row.person_id in (jo, who("zo\u00eb"))} == {
        ("\u01f0o@example.org", "Jo"),
        (None, "Zoe\u0308"),
    }


def test_what_is_adopted_is_written_down_and_adopting_again_changes_nothing(old: Warehouse) -> None:
    """The rule's version stands in the identity, with the root, the host and the key's fingerprint."""
    take_over(old)
    with old.read() as connection:
        assert stored_identity(connection) == (Identity("root", "loopback", fingerprint(KEY), 2), NOW)
    left = dump_of_slices(old)
    take_over(old)
    take_over(old, IdentitySettings("root", "https://localhost:1", KEY))
    assert_equal_tables(dump_of_slices(old), left)


@pytest.mark.parametrize(
    ("mine", "says"),
    [
        (IdentitySettings("root", "http://localhost", "another key" * 3), r"SEQUEL_PERSON_KEY is not the key .* 5 of 5 e-mails of company kid do not hash"),
        (IdentitySettings("kid", "http://localhost", KEY), "SEQUEL_COMPANY_ID is kid, and the warehouse was made with root"),
        (IdentitySettings("kid"), "SEQUEL_COMPANY_ID is kid, and the warehouse was made with root"),
    ],
)  # fmt: skip
def test_a_filled_warehouse_is_adopted_by_its_own_key_and_root_alone(
    old: Warehouse, mine: IdentitySettings, says: str
) -> None:
    """Another one is refused in one line, and nothing is written."""
    before = dump_of_slices(old)
    with pytest.raises(IdentityError, match=says) as refused:
        take_over(old, mine)
    assert "\n" not in str(refused.value)
    assert "nothing was written" in str(refused.value)
    assert_equal_tables(dump_of_slices(old), before)
    with old.read() as connection:
        assert stored_identity(connection) is None


def test_a_warehouse_without_any_email_is_identified_by_its_names(old: Warehouse) -> None:
    """As of an account that asks nobody for one."""
    with old.write() as connection:
        with_email = sa.select(people.c.person_id).where(people.c.email.is_not(None))
        for table in (*WITH_PEOPLE, people):
            connection.execute(
                table.delete().where(table.c.person_id.in_(with_email))
                if table is not people
                else people.delete().where(people.c.email.is_not(None))
            )
    with pytest.raises(IdentityError, match=r"none of the \d+ ids without an e-mail of company kid do not hash"):
        take_over(old, IdentitySettings("root", "http://localhost", "another key" * 3))
    take_over(old)


def test_every_table_with_people_is_rewritten_or_derived() -> None:
    """A new one has to be thought of. The numbers of former ids stay, as those of people who are in no row any more do."""
    derived = {insight.name for insight in INSIGHTS}
    with_people = {table.name for table in metadata.sorted_tables if "person_id" in table.columns}
    assert with_people - derived == {table.name for table in WITH_PEOPLE} | {"people", "person_numbers"}
