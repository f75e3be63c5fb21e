"""What a warehouse was made with: written once, compared before anything is written."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.identity.adoption import adopt
from sequel_assets.warehouse.identity.identity import (
    Identity,
    IdentityError,
    IdentitySettings,
    compare,
    ensure,
    fingerprint,
    host_of,
    move_host,
    stored_identity,
)
from sequel_assets.warehouse.tables.company_lists import warehouse_identity

KEY, OTHER = "k" * 32, "k" * 31 + "l"
AT = datetime(2026, 3, 3, 15, 7, tzinfo=UTC)
MINE = IdentitySettings("root", "https://api.introvoke.com", KEY)
MADE = Identity("root", "api.introvoke.com", fingerprint(KEY), 2)


def ensured(warehouse: Warehouse, mine: IdentitySettings = MINE) -> bool:
    """Ensure a warehouse."""
    return ensure(warehouse, mine, at=lambda: AT, adopt=adopt)


def stored(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """Return every row of the identity."""
    with warehouse.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(warehouse_identity))]


@pytest.mark.parametrize(
    "urls",
    [
        ["https://api.introvoke.com", "https://api.introvoke.com/", "http://API.Introvoke.COM.", "https://api.introvoke.com:443/api/v1", " http://u:p@api.introvoke.com:80 "],
        ["http://localhost:8700", "http://127.0.0.1", "https://127.9.8.7:1", "http://[::1]:8700", "http://LOCALHOST.", "http://127.1", "http://[::ffff:127.0.0.1]", "http://sequel.localhost:9"],
        ["https://b\u00fccher.example", "https://xn--bcher-kva.example", "https://B\u00dcCHER.example"],
        ["https://[2001:db8::1]", "https://[2001:DB8::1]:443"],
    ],
)  # fmt: skip
def test_a_host_has_one_spelling(urls: list[str]) -> None:
    """Scheme, case, dot at the end and usual port make no difference; every address of the machine itself is one."""
    assert len({host_of(url) for url in urls}) == 1


def test_hosts_that_differ_are_distinguished() -> None:
    """A port that is not the usual one is another place; so is an address that only looks local."""
    urls = ["https://api.introvoke.com", "https://stg-api.introvoke.com", "https://api.introvoke.com:8443", "http://128.0.0.1",
            "http://localhost.example.com", "http://127.0.0.1.example.com", "http://[::2]", "http://10.0.0.1", "http://localhost"]  # fmt: skip
    assert len({host_of(url) for url in urls}) == len(urls)


def test_settings_that_are_the_same_or_not_known_do_not_differ() -> None:
    """A receiver knows the root alone, a command without a key no key."""
    assert compare(MADE, MINE.identity) == []
    for fields in itertools.chain.from_iterable(
        itertools.combinations(("company_id", "api_host", "person_key_fingerprint"), n) for n in range(4)
    ):
        assert compare(MADE, replace(MINE.identity, **dict.fromkeys(fields))) == []  # fmt: skip


@pytest.mark.parametrize(
    ("mine", "says"),
    [
        (replace(MINE, person_key=OTHER), ["SEQUEL_PERSON_KEY is not the key"]),
        (replace(MINE, company_id="Root"), ["SEQUEL_COMPANY_ID is Root, and the warehouse was made with root"]),
        (replace(MINE, api_url="http://localhost"), ["SEQUEL_API_URL is at loopback, and the warehouse was made with api.introvoke.com"]),
        (IdentitySettings("b", "https://b", OTHER), ["SEQUEL_COMPANY_ID", "SEQUEL_API_URL", "SEQUEL_PERSON_KEY"]),
    ],
)  # fmt: skip
def test_whatever_differs_is_said_in_one_line_and_nothing_is_written(
    warehouse: Warehouse, mine: IdentitySettings, says: list[str]
) -> None:
    """All that differs at once, with what to do, and no secret."""
    assert ensured(warehouse)
    before = stored(warehouse)
    with pytest.raises(IdentityError) as refused:
        ensured(warehouse, mine)
    words = str(refused.value)
    assert [word in words for word in says] == [True] * len(says)
    assert "nothing was written" in words
    assert "\n" not in words
    assert KEY not in words
    assert OTHER not in words
    assert stored(warehouse) == before


@pytest.mark.parametrize(("version", "says"), [(3, "update sequel_assets"), (1, "run: sequel-assets migrate")])
def test_ids_of_another_rule_are_refused(warehouse: Warehouse, version: int, says: str) -> None:
    """Of a newer release for everybody; of an older one for who has no key, and cannot bring them to this one's."""
    assert ensured(warehouse)
    with warehouse.write() as connection:
        connection.execute(warehouse_identity.update().values(rule_version=version))
    with pytest.raises(IdentityError, match=says):
        ensured(warehouse, IdentitySettings("root"))
    if version == 1:
        ensured(warehouse)
        assert [row[3] for row in stored(warehouse)] == [2]
    else:
        with pytest.raises(IdentityError, match=says):
            ensured(warehouse)


def test_who_does_not_know_all_of_it_writes_nothing(warehouse: Warehouse) -> None:
    """Neither a receiver nor a command without a key makes a warehouse's identity."""
    for mine in (
        IdentitySettings(),
        IdentitySettings("root"),
        IdentitySettings("root", "http://localhost"),
        IdentitySettings(None, "http://localhost", KEY),
    ):
        assert ensured(warehouse, mine)
    assert stored(warehouse) == []
    assert ensured(warehouse)
    assert stored(warehouse) == [("root", "api.introvoke.com", fingerprint(KEY), 2, AT)]


def test_a_database_without_tables_of_this_release_is_not_judged(warehouse_url: str) -> None:
    """`migrate` makes them; nothing else writes there."""
    warehouse = Warehouse(warehouse_url)
    assert not ensured(warehouse)
    warehouse.dispose()


def test_of_two_first_refreshes_at_once_one_makes_the_warehouse_and_the_other_is_refused(
    engine_kind: str, new_database: Callable[..., str]
) -> None:
    """Whichever comes first; two rows there never are."""
    url = new_database(engine_kind, migrated=True)
    settings = [replace(MINE, person_key=f"{n}" * 32, company_id=f"root{n % 2}") for n in range(6)]

    def first(mine: IdentitySettings) -> str:
        warehouse = Warehouse(url, guard=lambda it: ensured(it, mine))
        try:
            warehouse.ensure_writable()
        except IdentityError:
            return "refused"
        finally:
            warehouse.dispose()
        return "made"

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(first, settings)) == ["made", *["refused"] * 5]
    warehouse = Warehouse(url)
    assert len(stored(warehouse)) == 1
    warehouse.dispose()


def test_no_write_begins_before_the_guard_has_let_it(new_database: Callable[..., str]) -> None:
    """It is asked once where it lets somebody in, and each time where it refuses; it may write itself."""
    url, asked = new_database("sqlite", migrated=True), []

    def guard(warehouse: Warehouse) -> bool:
        asked.append(len(asked))
        with warehouse.write():
            pass
        if len(asked) < 3:
            raise IdentityError("no")
        return len(asked) > 3

    warehouse = Warehouse(url, guard=guard)
    for _ in range(2):
        with pytest.raises(IdentityError), warehouse.write():
            raise AssertionError
    for _ in range(4):
        with warehouse.write("kid"):
            pass
    assert asked == [0, 1, 2, 3]
    warehouse.dispose()


def test_nobody_writes_while_the_guard_decides(new_database: Callable[..., str]) -> None:
    """A refusal that comes late would come after the rows."""
    url, asked, written = new_database("sqlite", migrated=True), threading.Event(), threading.Event()
    decide = threading.Event()

    def guard(_: Warehouse) -> bool:
        asked.set()
        assert decide.wait(10)
        raise IdentityError("no")

    warehouse = Warehouse(url, guard=guard)

    def write() -> None:
        with warehouse.write():
            written.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(write)
        assert asked.wait(10)
        second = pool.submit(write)
        assert not written.wait(0.2)
        decide.set()
        assert [type(one.exception()) for one in (first, second)] == [IdentityError, IdentityError]
    assert not written.is_set()
    warehouse.dispose()


def test_the_host_may_move_and_nothing_else_may(warehouse: Warehouse) -> None:
    """By its own command alone."""
    with pytest.raises(IdentityError, match="does not say yet"):
        move_host(warehouse, MINE)
    assert ensured(warehouse)
    there = replace(MINE, api_url="https://data.sequel.io")
    for other in (replace(there, person_key=OTHER), replace(there, company_id="b")):
        with pytest.raises(IdentityError):
            move_host(warehouse, other)
    assert move_host(warehouse, there) == ("api.introvoke.com", "data.sequel.io")
    assert ensured(warehouse, there)
    with pytest.raises(IdentityError, match=r"SEQUEL_API_URL is at api\.introvoke\.com"):
        ensured(warehouse)
    with warehouse.read() as connection:
        assert stored_identity(connection) == (replace(MADE, api_host="data.sequel.io"), AT)
