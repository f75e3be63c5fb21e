"""What a database says may quote a row: nothing of it gets out, into no message, no traceback and no log."""

from __future__ import annotations

import logging
import traceback

import psycopg
import pytest
import sqlalchemy as sa
from dagster._utils.error import serializable_error_info_from_exc_info

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.error_codes import CODES
from sequel_assets.warehouse.database.errors import TransactionInterrupted, WarehouseError, place
from sequel_assets.warehouse.tables.core import companies, event_participants
from sequel_assets.warehouse.tables.core import people as people_table
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.rows import AT, DAY, known_company, settle_in

SECRET = "Ada Secret <ada@secret.example>"
SAID = f"""
    DO $$ BEGIN RAISE EXCEPTION 'it said {SECRET}' USING ERRCODE = '%s', DETAIL = 'Key ({SECRET}) exists',
    HINT = 'ask {SECRET}', TABLE = '{SECRET}', CONSTRAINT = '{SECRET}', COLUMN = '{SECRET}'; END $$
"""


def all_messages(error: BaseException) -> str:
    """Return what anybody might print of an error: itself, its traceback, the whole chain behind it, and as Dagster keeps it."""
    told = [str(error), repr(error), *traceback.format_exception(error)]
    told.append(str(serializable_error_info_from_exc_info((type(error), error, error.__traceback__))))
    behind: list[BaseException | None] = [error]
    seen: set[int] = set()
    while behind:
        one = behind.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            told += [str(one), repr(one), repr(getattr(one, "params", "")), repr(getattr(one, "orig", ""))]
            behind += [one.__cause__, one.__context__]
    return "\n".join(told)


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_every_code_of_a_server_has_words_of_ours(warehouse: Warehouse) -> None:
    """Those with words, every class, and one that nobody has heard of; whatever else it says stays inside."""
    codes = sorted(
        {*(code.ljust(5, "0") for code in CODES), "ZZ123", "P0001", "0A000", "40001", "40P01", "57P01", "08006"}
    )
    for code in codes:
        with pytest.raises(WarehouseError) as told, warehouse.write() as connection:
            connection.exec_driver_sql(SAID % code)
        text = str(told.value)
        assert text.startswith(f"the warehouse {place(warehouse.url)} ")
        assert code in text
        assert "\n" not in text
        assert "Secret" not in all_messages(told.value), code
        is_passing = code in ("40001", "40P01") or code.startswith("08") or code in ("57P01", "57P02", "57P03", "57P05")
        assert isinstance(told.value, TransactionInterrupted) == is_passing, code


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_values_that_a_column_cannot_hold_are_not_quoted(warehouse: Warehouse) -> None:
    """On each way in: a statement, many of them, and COPY."""
    settle_in(warehouse, {"e1": "virtualStageEvent"})
    row = {"company_id": "acme", "person_id": SECRET, "email": SECRET, "name": SECRET, "named_on": DAY}
    fact = ("acme", DAY, "e1", SECRET, "virtualStageEvent", 2**70, 0, 0)

    def insert(connection: sa.Connection) -> None:
        connection.execute(people_table.insert(), [{**row, "name": None}, row])

    def cast(connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.cast(sa.literal(SECRET), sa.Integer)))

    def copy(connection: sa.Connection) -> None:
        bulk.insert(connection, event_participants, [fact])

    def other_program(connection: sa.Connection) -> None:
        values = dict(zip(event_participants.columns.keys(), fact, strict=True))
        connection.execute(event_participants.insert(), [{**values, "event_id": SECRET, "live_minutes": 1}])

    def nul(connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.literal(SECRET + "\0")))

    def surrogate(connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.literal(SECRET + "\ud800")))

    told = {}
    for work in (insert, cast, copy, other_program, nul):
        with pytest.raises(WarehouseError) as caught:
            warehouse.change(work)
        assert "Secret" not in all_messages(caught.value), work.__name__
        told[work.__name__] = str(caught.value).removeprefix(f"the warehouse {place(warehouse.url)} ").partition(";")[0]
    assert told == {
        "insert": "refused a row that lacks a value (23502, people, name)",
        "cast": "refused a value that is not of its column's type (22P02)",
        "copy": "refused a number that its column cannot hold (22003, event_participants)",
        "other_program": "refused a row whose company or event is not there (23503, event_participants, fk_event_participants_events)",
        "nul": "refused a text with a NUL (DataError)",
    }
    with pytest.raises((WarehouseError, UnicodeEncodeError)) as caught:
        warehouse.change(surrogate)
    assert "Ada" not in str(caught.value)


def test_a_refused_row_of_sqlite_or_postgresql_is_in_nobodys_traceback(warehouse: Warehouse) -> None:
    """Both drivers, whoever follows the chain behind an error."""
    settle_in(warehouse, {})
    values = {**vars(known_company()), "name": SECRET, "first_seen_at": AT, "last_seen_at": AT}

    def twice(connection: sa.Connection) -> None:
        connection.execute(companies.insert().values(**{**values, "partition_key": SECRET}))

    with pytest.raises(WarehouseError, match="refused a row whose key is there already") as told:
        warehouse.change(twice)
    assert "Secret" not in all_messages(told.value)


def test_an_error_of_somebody_else_that_is_being_handled_keeps_its_words(warehouse: Warehouse) -> None:
    """A write that fails while another error is dealt with takes nothing from that one."""
    first = KeyError("a key")
    first.__cause__ = ValueError("a value")
    settle_in(warehouse, {})

    def fail() -> None:
        try:
            raise first
        except KeyError:
            warehouse.change(lambda connection: connection.exec_driver_sql("SELECT nonsense"))

    with pytest.raises(WarehouseError):
        fail()
    assert (first.args, first.__cause__.args) == (("a key",), ("a value",))


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_connection_that_ends_is_reported_and_logged_without_a_traceback(
    warehouse: Warehouse, postgres: PostgresServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the middle of a transaction, and in its last statement; neither pool nor driver says more."""

    def end() -> None:
        with warehouse.write() as connection:
            mine = connection.scalar(sa.select(sa.func.pg_backend_pid()))
            postgres.run(f"SELECT pg_terminate_backend({mine})")
            connection.execute(sa.select(sa.literal(SECRET)))

    with caplog.at_level(logging.DEBUG), pytest.raises(TransactionInterrupted, match=r"went away \(57P01\)") as told:
        end()
    assert "Secret" not in all_messages(told.value)
    assert "Traceback" not in caplog.text + capfd.readouterr().err
    assert "Secret" not in caplog.text


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_role_without_a_right_is_reported_with_the_table(warehouse: Warehouse, postgres: PostgresServer) -> None:
    """Only tables of ours are named."""
    name = warehouse.url.database or ""
    postgres.run(f"CREATE ROLE poor{name} LOGIN")
    poor = Warehouse(postgres.url(name, f"poor{name}"))
    with pytest.raises(WarehouseError) as told:
        poor.ask(lambda connection: connection.execute(sa.select(companies.c.name)))
    poor.dispose()
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute(f"DROP ROLE poor{name}".encode())
    assert str(told.value) == (
        f"the warehouse {place(poor.url)} does not permit that to this role (42501, companies); "
        "the transaction was rolled back, older data are safe; grant it the rights that docs/databases.md names"
    )
