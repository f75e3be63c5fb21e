"""Many rows, the fast way of each engine: to the letter, whatever the letters."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.bulk import Row
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.tables.core import companies, people, refreshes
from sequel_assets_tests.support.rows import ACME, AT, DAY, day, empty, hour, table_of

ODD = [
    "", " ", "'", "''", '"', "\\", "\\N", "\\.", "\\n", "\\x41", "a\tb", "a\nb", "a\r\nb", "\b\f\v", "NULL", "null", "%s", "%(x)s",
    ":x", "{}", "\u00a0", "Ä\u0308", "\u202e", "\U0001f469\u200d\U0001f680", "; DROP TABLE people; --", "\x01\x7f", "x" * 1_000_000,
]  # fmt: skip


def person(number: int, name: str, email: str | None = None) -> Row:
    return (ACME, f"{number:04}", email, name, None, DAY)


def insert(warehouse: Warehouse, rows: list[Row]) -> None:
    with warehouse.write() as connection:
        bulk.insert(connection, people, rows)


def test_odd_texts_come_back_to_the_letter(warehouse: Warehouse) -> None:
    """Also those that the copy format has a meaning of its own for, and one of a million letters."""
    rows = [person(number, text, text or None) for number, text in enumerate(ODD)]
    insert(warehouse, rows)
    assert table_of(warehouse, people) == rows


def test_odd_texts_are_found_as_keys_and_deleted(warehouse: Warehouse) -> None:
    """Every other one goes, by its whole key."""
    rows: list[Row] = sorted((ACME, text[:1000], None, "n", None, DAY) for text in ODD)
    insert(warehouse, rows)
    with warehouse.write() as connection:
        bulk.delete(connection, people, rows[::2])
    assert table_of(warehouse, people) == rows[1::2]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_to_the_letter(warehouse: Warehouse, texts: list[str]) -> None:
    """Whatever Hypothesis can think of."""
    empty(warehouse, people)
    rows = [person(number, text, text) for number, text in enumerate(texts)]
    insert(warehouse, rows)
    assert table_of(warehouse, people) == rows


def test_every_kind_of_value_comes_back_as_it_was(warehouse: Warehouse) -> None:
    """Dates, times in UTC, truth, large numbers and nothing."""
    full: Row = (ACME, "d", DAY, AT, hour(3), hour(2), True, 2**53, "c", "i", "r", "p")
    bare: Row = (ACME, "d", day(1), AT, None, None, False, 0, "c", None, None, None)
    with warehouse.write() as connection:
        bulk.insert(connection, refreshes, [full, bare])
    assert table_of(warehouse, refreshes) == [full, bare]


def test_a_time_without_a_zone_is_refused_on_the_fast_way_too(warehouse: Warehouse) -> None:
    """COPY would read it in the server's zone."""
    row: Row = (ACME, "d", DAY, AT.replace(tzinfo=None), None, None, False, 0, "c", None, None, None)
    with (
        pytest.raises((ValueError, WarehouseError), match="a time without a zone cannot be stored"),
        warehouse.write() as connection,
    ):
        bulk.insert(connection, refreshes, [row])
    assert table_of(warehouse, refreshes) == []


def test_a_repeated_key_inserts_nothing_at_all(warehouse: Warehouse) -> None:
    """The refusal names the rule; no row of the others stays."""
    with pytest.raises(
        WarehouseError,
        match=r"refused a row whose key is there already \((23505|IntegrityError), people, (pk_people|company_id, people, person_id|company_id, person_id)\)",
    ) as told:
        insert(warehouse, [person(1, "Ada Secret"), person(2, "Bo"), person(1, "Ada Secret")])
    assert "Secret" not in str(told.value)
    assert table_of(warehouse, people) == []


def test_no_rows_are_no_work(warehouse: Warehouse) -> None:
    """Nothing is asked of the database."""
    with warehouse.read() as connection:
        bulk.insert(connection, people, [])
        bulk.delete(connection, people, [])
        bulk.upsert(connection, people, [])


def test_an_upsert_adds_changes_and_keeps(warehouse: Warehouse) -> None:
    """New keys are added, known ones changed but for what is kept, and only where the condition holds."""
    with warehouse.write() as connection:
        bulk.insert(connection, people, [person(1, "Ada", "a@x"), person(2, "Zoe", "z@x")])
        names = people.columns.keys()
        rows = [
            dict(zip(names, person(n, name, "new@x"), strict=True)) for n, name in ((1, "Bo"), (2, "Bo"), (3, "Cy"))
        ]
        bulk.upsert(connection, people, rows, where=lambda new: new.name > people.c.name, keep=("email",))
    assert table_of(warehouse, people) == [person(1, "Bo", "a@x"), person(2, "Zoe", "z@x"), person(3, "Cy", "new@x")]


def test_rows_of_another_table_are_not_touched(warehouse: Warehouse) -> None:
    """Deleting by key deletes those keys."""
    insert(warehouse, [person(n, "x") for n in range(1500)])
    with warehouse.write() as connection:
        bulk.delete(connection, people, [person(n, "whatever") for n in range(1, 1500)])
    assert table_of(warehouse, people) == [person(0, "x")]
    assert table_of(warehouse, companies) == []
