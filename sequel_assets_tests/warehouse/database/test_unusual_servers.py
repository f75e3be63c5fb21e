"""PostgreSQL servers that are not there, of another encoding, or slow to reach."""

from __future__ import annotations

import socket
import time

import psycopg
import pytest
import sqlalchemy as sa

from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database import transactions
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError, place
from sequel_assets.warehouse.tables.core import companies
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.rows import settle_in


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    """A wrong port is told at once, to the patient and to those in a hurry."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret@127.0.0.1:{free.getsockname()[1]}/d"
    began = time.monotonic()
    for warehouse in (Warehouse(url), Warehouse(url, busy_seconds=1)):
        with pytest.raises(WarehouseError, match="cannot be reached: nobody listens"):
            schema.ensure_current(warehouse)
        warehouse.dispose()
    assert time.monotonic() - began < 5


def test_a_worker_waits_for_the_server_that_its_parent_has_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its companies opens the warehouse anew; all of them together wait a minute, not each."""
    monkeypatch.setattr(transactions, "MAX_OUTAGE_SECONDS", 0.2)
    tries: list[int] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret@127.0.0.1:{free.getsockname()[1]}/d"
    Warehouse(url).expect()
    for company in range(2):
        warehouse = Warehouse(url)
        sa.event.listen(warehouse.engine, "do_connect", lambda *_, company=company: tries.append(company))
        with pytest.raises(WarehouseError, match="cannot be reached: nobody listens"):
            schema.ensure_current(warehouse)
        warehouse.dispose()
    assert tries.count(0) > 1
    assert tries.count(1) == 1


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"])
def test_a_database_that_is_not_utf_8_is_refused_in_one_line_by_whatever_opens_it(
    postgres: PostgresServer, encoding: str
) -> None:
    """Before a row is asked for or written; SQL_ASCII would make bytes of every text."""
    name = f"not_utf8_{encoding.lower()}"
    postgres.run(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
    try:
        warehouse = Warehouse(postgres.url(name))
        uses = (schema.migrate, schema.ensure_current, schema.create_if_empty, lambda w: settle_in(w, {}))
        for use in uses:
            with pytest.raises(WarehouseError) as told:
                use(warehouse)
            assert str(told.value) == (
                f"the warehouse {place(warehouse.url)} is kept in {encoding}, which cannot hold every name; nothing was written; "
                "make a database in UTF-8 (CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0) and use that one"
            )
        warehouse.dispose()
        with psycopg.connect(postgres.url(name)) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    finally:
        postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_stating_what_it_depends_on_costs_a_transaction_no_round_trip(warehouse: Warehouse) -> None:
    """BEGIN and its settings are one message; no connection is asked beforehand whether it is alive."""
    warehouse.ask(lambda connection: connection.scalar(sa.select(sa.literal(1))))
    sent: list[str] = []

    @sa.event.listens_for(warehouse.engine, "before_cursor_execute")
    def _sent(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    warehouse.change(lambda connection: connection.execute(companies.update().values(depth=1)), "acme")
    assert [statement.split()[0] for statement in sent] == ["BEGIN", "SELECT", "UPDATE"]
