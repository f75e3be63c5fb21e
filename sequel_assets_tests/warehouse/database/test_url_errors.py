"""URLs of a warehouse that are malformed, and none shows its password."""

from __future__ import annotations

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import place
from sequel_assets_tests.warehouse.database.error_messages import message_of

NOT_A_URL = (
    "SEQUEL_WAREHOUSE_URL is not a database URL; examples: sqlite:///warehouse.db, postgresql://user:password@host/name; "
    "within user and password write @ as %40, / as %2F, : as %3A"
)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:secret@h/d", "mysql://u:***@h/d"),
        ("postgres://u:secret@h/d", "postgres://u:***@h/d"),
        ("oracle+cx://h/d?password=secret", "oracle://h/d"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
    ],
)
def test_a_url_of_an_unknown_kind(url: str, shown: str) -> None:
    """The kinds that are known are named; a database in memory is none, each connection would have its own."""
    assert message_of(lambda: Warehouse(url)) == (
        f"SEQUEL_WAREHOUSE_URL {shown} is of a kind that is not known; "
        "use sqlite:///FILE or postgresql://user:password@host/name"
    )


@pytest.mark.parametrize(
    "url",
    ["", "warehouse.db", "://x", "postgresql://u:p@secret@h/d", "postgresql://h:secret/d"],
)
def test_a_malformed_url(url: str) -> None:
    """Not a letter of it is shown: where the password begins and ends is anybody's guess."""
    assert message_of(lambda: Warehouse(url)) == NOT_A_URL


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u:sec/ret@h/d", "postgresql://u:***@h/d"),
        ("postgresql+psycopg2://u:secret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://h/d?password=secret&sslpassword=secret&sslmode=require",
         "postgresql://h/d?sslmode=require"),
        (" sqlite:////tmp/w.db\n", "sqlite:////tmp/w.db"),
        ("sqlite+pysqlite:////tmp/w.db", "sqlite:////tmp/w.db"),
    ],
)  # fmt: skip
def test_a_warehouse_is_shown_without_its_password(url: str, shown: str) -> None:
    """Wherever the password stands in the URL."""
    assert place(Warehouse(url).url) == shown
