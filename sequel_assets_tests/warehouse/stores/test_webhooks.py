"""The inbox and sealed secrets: order, repetitions, purging, lineages, keys."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.inbox import ROWS_AT_ONCE, Notification, lineage, purge, store
from sequel_assets.warehouse.stores.sealing import HOW_TO_MAKE_A_KEY, Seal, SealError, split
from sequel_assets.warehouse.tables.webhooks import inbox
from sequel_assets_tests.support.rows import AT, known_company

KEYS = [base64.urlsafe_b64encode(bytes([number] * 32)).decode() for number in range(3)]


def notification(key: str, company_id: str = "acme") -> Notification:
    """Return a hint of which the rest does not matter."""
    return Notification(
        company_id, AT, "hash", None, key, None, None, "virtual-stage-created", None, None, None, None, "0" * 64, "accepted"
    )  # fmt: skip


def ids(warehouse: Warehouse) -> list[tuple[int, str, str]]:
    """Return id, company and key of every hint."""
    with warehouse.read() as connection:
        rows = connection.execute(sa.select(inbox.c.id, inbox.c.company_id, inbox.c.delivery_key).order_by(inbox.c.id))
        return [tuple(row) for row in rows]


def test_notifications_are_numbered_and_repetitions_left_out(warehouse: Warehouse) -> None:
    """Within one call and between two; the same key at another company is another hint."""
    with warehouse.write() as connection:
        store(connection, [notification("a"), notification("a"), notification("b"), notification("a", "other")])
    with warehouse.write() as connection:
        store(connection, [notification("b"), notification("c")])
    found = ids(warehouse)
    assert [row[1:] for row in found] == [("acme", "a"), ("acme", "b"), ("other", "a"), ("acme", "c")]
    assert len({row[0] for row in found}) == 4


def test_more_than_one_statement_takes_are_numbered_too(warehouse: Warehouse) -> None:
    """In their order, repetitions across statements left out."""
    keys = [str(number) for number in range(ROWS_AT_ONCE + 3)]
    with warehouse.write() as connection:
        store(connection, [])
        store(connection, [notification(key) for key in (*keys, *keys[:5])])
    assert [row[2] for row in ids(warehouse)] == keys


def test_notifications_are_stored_as_sqlalchemy_would(warehouse: Warehouse) -> None:
    """To the letter: on SQLite times are compared as text."""
    aware = AT.astimezone(timezone(timedelta(hours=9)))
    mine = replace(
        notification("mine"), received_at=aware, sent_at=AT.replace(microsecond=7), page=1, pages=2, event_id="é"
    )
    theirs = {"id": 2, **vars(mine), "delivery_key": "theirs"}
    with warehouse.write() as connection:
        store(connection, [mine])
        connection.execute(sa.insert(inbox).values(theirs))
        found = connection.exec_driver_sql("SELECT * FROM inbox ORDER BY id").mappings().all()
    told = [{name: value for name, value in row.items() if name not in ("id", "delivery_key")} for row in found]
    assert told[0] == told[1]


def test_a_cursor_on_the_ids_misses_nothing(warehouse: Warehouse) -> None:
    """While several write at once, whoever reads on from the newest id that it saw sees every hint."""
    writers = 4
    stop = threading.Event()

    def write(writer: int) -> None:
        for number in range(40):
            with warehouse.write() as connection:
                store(connection, [notification(f"{writer}-{number}-{part}") for part in range(3)])

    seen: list[str] = []

    def read() -> None:
        cursor, is_last = 0, False
        while not is_last:
            is_last = stop.is_set()
            with warehouse.read() as connection:
                rows = connection.execute(
                    sa.select(inbox.c.id, inbox.c.delivery_key).where(inbox.c.id > cursor).order_by(inbox.c.id)
                ).all()
            seen.extend(row.delivery_key for row in rows)
            cursor = rows[-1].id if rows else cursor

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    reader.join()
    assert len(seen) == len(set(seen)) == writers * 40 * 3


def test_only_what_was_handled_long_ago_is_purged(warehouse: Warehouse) -> None:
    """What waits stays, and the newest hint too: no id comes twice."""
    with warehouse.write() as connection:
        store(connection, [notification(key) for key in "abcd"])
        old = inbox.c.delivery_key.in_(["a", "b", "d"])
        connection.execute(sa.update(inbox).where(old).values(handled_at=AT - timedelta(days=91)))
    assert [purge(warehouse, AT - timedelta(days=days)) for days in (92, 90, 90)] == [0, 2, 0]
    with warehouse.write() as connection:
        store(connection, [notification("e")])
    assert ids(warehouse) == [(3, "acme", "c"), (4, "acme", "d"), (5, "acme", "e")]


def test_a_company_is_traced_to_the_root(warehouse: Warehouse) -> None:
    """Also where the tree has a loop, which a source may have; an unknown company has no lineage."""
    tree = {"root": None, "a": "root", "b": "a", "x": "y", "y": "x", "self": "self", "orphan": "nobody"}
    with warehouse.write() as connection:
        catalog.save_companies(
            connection, [known_company(one, parent_company_id=above) for one, above in tree.items()], at=AT
        )
    with warehouse.read() as connection:
        found = {one: lineage(connection, one) for one in (*tree, "unknown")}
    assert found == {
        "root": {"root"}, "a": {"a", "root"}, "b": {"b", "a", "root"}, "x": {"x", "y"}, "y": {"x", "y"},
        "self": {"self"}, "orphan": {"orphan"}, "unknown": None,
    }  # fmt: skip


def test_a_durable_sqlite_syncs_every_commit(tmp_path: object) -> None:
    """`synchronous=FULL` (2), where others have NORMAL (1)."""
    found = []
    for is_durable in (True, False):
        warehouse = Warehouse(f"sqlite:///{tmp_path}/{is_durable}.db", is_durable=is_durable, busy_seconds=3)
        with warehouse.read() as connection:
            found.append(
                [connection.exec_driver_sql(f"PRAGMA {what}").scalar() for what in ("synchronous", "busy_timeout")]
            )
        warehouse.dispose()
    assert found == [[2, 3000], [1, 3000]]


@given(st.text())
def test_what_is_sealed_is_opened_by_any_of_the_keys(text: str) -> None:
    """And is not readable; rotated it is the first key's alone."""
    old, new, both = Seal(KEYS[:1]), Seal(KEYS[1:2]), Seal([KEYS[1], KEYS[0]])
    token = old.seal(text)
    assert token != text
    assert (old.open(token), both.open(token), new.open(both.rotated(token))) == (text, text, text)


def test_what_no_key_opens_names_the_setting() -> None:
    """One line, that says what to do, without key or token; a token that was changed likewise."""
    token = Seal(KEYS[:1]).seal("secret")
    changed = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
    for attempt in (
        lambda: Seal(KEYS[1:]).open(token), lambda: Seal(KEYS[1:]).rotated(token), lambda: Seal(KEYS[:1]).open(changed), lambda: Seal(KEYS).open(""),
    ):  # fmt: skip
        with pytest.raises(SealError) as told:
            attempt()
        assert str(told.value) == (
            "a stored webhook secret cannot be read: none of the keys in SEQUEL_WEBHOOK_SECRET_KEY opens it; nothing was changed; "
            "put the key that it was stored with back behind the new one, after a comma"
        )


@pytest.mark.parametrize("keys", ["", " , ", "short", f"{KEYS[0]},short", "x" * 44 + "y"])
def test_a_key_that_is_none_is_refused_with_how_to_make_one(keys: str) -> None:
    """Without the key."""
    with pytest.raises(SealError) as told:
        Seal(split(keys))
    assert str(told.value).endswith(f"make one: {HOW_TO_MAKE_A_KEY}")
    assert "short" not in str(told.value)
