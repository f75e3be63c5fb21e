"""PostgreSQL that is down, refuses or restarts: one line that says what to do."""

from __future__ import annotations

import contextlib
import socket

import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import place
from sequel_assets.warehouse.tables.core import companies
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.rows import settle_in, table_of
from sequel_assets_tests.warehouse.database.error_messages import message_of, read


def test_postgresql_that_is_down() -> None:
    """A port on which nobody listens, and where it is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = message_of(lambda: read(Warehouse(f"postgresql://u:secret@127.0.0.1:{port}/d")))
    assert text == (
        f"the warehouse postgresql://u:***@127.0.0.1:{port}/d cannot be reached: nobody listens at its host and port "
        "(OperationalError); nothing was written; check SEQUEL_WAREHOUSE_URL and the server, then repeat"
    )


def test_postgresql_that_refuses_the_password_or_has_no_such_database(postgres: PostgresServer) -> None:
    """Each in our words: the server's may be in any language and may quote what was sent."""
    with contextlib.suppress(Exception):
        postgres.run("CREATE ROLE locked LOGIN PASSWORD 'right'")
    refused = message_of(lambda: read(Warehouse(f"postgresql://locked:secret@/postgres?host={postgres.folder}")))
    assert refused == (
        f"the warehouse {place(sa.make_url(f'postgresql://locked:***@/postgres?host={postgres.folder}'))} refused the password "
        "(OperationalError); nothing was written; check user and password in SEQUEL_WAREHOUSE_URL"
    )
    absent = message_of(lambda: read(Warehouse(postgres.url("none"))))
    assert "is not there: the server has no such database (OperationalError); nothing was written; make it" in absent


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_postgresql_that_restarts_is_connected_to_again(warehouse: Warehouse) -> None:
    """A connection that the server has ended in the pool is replaced without anybody noticing."""
    settle_in(warehouse, {})
    with warehouse.write() as connection:
        mine = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
    other = Warehouse(warehouse.url.render_as_string())
    with other.write() as connection:
        connection.execute(sa.select(sa.func.pg_terminate_backend(mine)))
    other.dispose()
    assert len(table_of(warehouse, companies)) == 1
