"""docs/roles.sql on a real PostgreSQL: what each role may do, and what it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from sequel_assets.cli.commands.export import export
from sequel_assets.cli.commands.export_options import ExportOptions
from sequel_assets.refresh.core.datasets import CATALOG, SLICED
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.inbox import lineage, store
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of, receiving, sealed_secrets
from sequel_assets.warehouse.tables.core import companies, event_participants, metadata, people
from sequel_assets.warehouse.tables.webhooks import inbox, subscriptions
from sequel_assets_tests.cli.exported_rows import fill, settings_of
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.rows import ACME, AT, known_company, participant
from sequel_assets_tests.warehouse.stores.test_webhooks import ids, notification
from sequel_assets_tests.webhooks.receiver.harness import CAPABILITY, subscribe

SQL = (PROJECT / "docs" / "roles.sql").read_text()
USERS = {"etl": "sequel_loader", "hooks": "sequel_receiver", "bi": "sequel_reader", "crm": "sequel_people_reader"}


@pytest.fixture(scope="module")
def users(postgres: PostgresServer) -> Iterator[None]:
    """Users who have a role each; roles belong to the whole server."""
    postgres.run("CREATE DATABASE for_roles TEMPLATE template0")
    made = Warehouse(postgres.url("for_roles"))
    schema.migrate(made)
    made.dispose()
    run(postgres.url("for_roles"))
    for user, role in USERS.items():
        postgres.run(f"CREATE ROLE {user} LOGIN NOSUPERUSER IN ROLE {role}")
    yield
    postgres.run("DROP DATABASE for_roles WITH (FORCE)")
    for name in (*USERS, *reversed(USERS.values())):
        postgres.run(f"DROP ROLE IF EXISTS {name}")


def run(url: str) -> None:
    """Execute the file as psql does, in one transaction."""
    with psycopg.connect(url) as connection:
        connection.execute(SQL.encode())


@pytest.fixture
def as_user(
    postgres: PostgresServer, users: None, new_database: Callable[..., str]
) -> Iterator[Callable[[str], Warehouse]]:
    """Open one filled warehouse as one of the users, or as its owner."""
    url = new_database("postgresql", migrated=True)
    made: list[Warehouse] = [Warehouse(url)]
    fill(made[0])
    run(url)
    run(url)  # as after each migrate

    def open_as(user: str) -> Warehouse:
        made.append(Warehouse(url.replace("postgres@", f"{user}@") if user else url))
        return made[-1]

    yield open_as
    for warehouse in made:
        warehouse.dispose()


def denied(warehouse: Warehouse, *statements: Any) -> list[str]:
    """Execute statements and return those that were not refused for want of a right."""
    done = []
    for statement in statements:
        with warehouse.engine.connect().execution_options(write=True) as connection:
            try:
                connection.execute(statement if not isinstance(statement, str) else sa.text(statement))
            except sa.exc.DBAPIError as error:
                assert error.orig.sqlstate == "42501", error  # type: ignore[union-attr] # noqa: PT017 - of each of many
            else:
                done.append(str(statement))
    return done


def test_a_reader_has_every_number_and_nothing_that_is_personal(as_user: Any, tmp_path: Path) -> None:
    """All datasets can be exported; no personal column can be selected, nor the tables that name people or webhooks."""
    bi = as_user("bi")
    order = ExportOptions((), AT.date(), AT.date(), "csv", tmp_path / "out")
    assert export(settings_of(bi), order, [ACME]) in (0, 1)
    with bi.read() as connection:
        for table in (dataset.table for dataset in (*CATALOG, *SLICED) if dataset.table not in (subscriptions, inbox)):
            shown = [column for column in table.columns if not column.info.get("personal")]
            connection.execute(sa.select(*shown).limit(1))
    personal = [sa.select(c) for t in metadata.tables.values() for c in t.columns if c.info.get("personal")]
    hidden = [sa.select(c) for t in (people, subscriptions, inbox) for c in t.columns]
    assert len(personal) > 8
    assert denied(bi, *personal, *hidden) == []


def test_a_reader_writes_nothing(as_user: Any) -> None:
    """Not a row, not a table, not even a temporary one."""
    tables = [*metadata.tables, schema.VERSION_TABLE]
    wrong = (
        [f"DELETE FROM {t}" for t in tables] + [f"TRUNCATE {t}" for t in tables] + [f"DROP TABLE {t}" for t in tables]
    )
    wrong += [f"UPDATE {t.name} SET {t.columns.keys()[0]} = NULL" for t in metadata.tables.values()]
    wrong += [
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
    ]
    wrong += ["INSERT INTO companies (company_id, partition_key, name, depth, first_seen_at, last_seen_at) VALUES ('x', 'x', 'x', 1, now(), now())"]  # fmt: skip
    for user in ("bi", "crm"):
        assert denied(as_user(user), *wrong) == []


def test_a_reader_of_people_has_them_too(as_user: Any) -> None:
    """And all numbers; but nothing of the webhooks."""
    crm = as_user("crm")
    with crm.read() as connection:
        assert connection.execute(sa.select(people.c.name, people.c.email)).all() == [("Zebulon", "zq@mail.example")]
        for table in metadata.tables.values():
            if table not in (subscriptions, inbox) and table.name != "warehouse_identity":
                connection.execute(sa.select(table).limit(1))
    assert denied(crm, sa.select(subscriptions), sa.select(inbox)) == []


def test_the_receiver_appends_notifications_and_does_nothing_else(as_user: Any) -> None:
    """It finds its subscription, its secrets and the company's lineage, and stores; nothing is changed, no number or person read."""
    subscribe(as_user(""))
    hooks = as_user("hooks")
    schema.ensure_current(hooks)
    with hooks.write() as connection:
        assert receiving(connection, hash_of(CAPABILITY), AT) is not None
        assert len(sealed_secrets(connection)) == 1
        assert lineage(connection, ACME) is not None
        store(connection, [notification("a"), notification("a"), notification("b")])
    assert [row[1:] for row in ids(hooks)] == [("acme", "a"), ("acme", "b")]
    others = [
        t
        for t in metadata.tables.values()
        if t not in (companies, subscriptions, inbox) and t.name != "warehouse_identity"
    ]
    assert denied(hooks, *(sa.select(t) for t in others), sa.select(companies.c.name)) == []
    wrong = [f"DELETE FROM {t}" for t in metadata.tables] + [
        "UPDATE inbox SET handled_at = now()",
        "UPDATE subscriptions SET sealed_secret = 'x'",
    ]
    assert denied(hooks, *wrong, "CREATE TABLE mine (a int)") == []


def test_the_loader_migrates_and_commits_and_is_no_superuser(as_user: Any, postgres: PostgresServer) -> None:
    """The tables are its own; it can neither make roles nor read the server's files."""
    etl = as_user("etl")
    schema.migrate(etl)
    with etl.write(ACME) as connection:
        catalog.save_companies(connection, [known_company("new")], at=AT)
        bulk.insert(connection, event_participants, [participant("e1", "p7", 5, on=AT.date())])
        bulk.delete(connection, event_participants, [participant("e1", "p7", 5, on=AT.date())])
        connection.execute(sa.text("ALTER TABLE companies ADD COLUMN later text"))
        connection.execute(sa.text("ALTER TABLE companies DROP COLUMN later"))
    assert denied(etl, "CREATE ROLE mine", "SELECT pg_read_file('/etc/passwd')") == []
    with etl.read() as connection:
        assert connection.scalar(sa.text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")) is False


def test_the_loader_makes_the_tables_of_an_empty_database(postgres: PostgresServer, users: None) -> None:
    """As at a first migrate, where it was given the right to."""
    postgres.run("CREATE DATABASE empty_for_roles TEMPLATE template0")
    postgres.run("GRANT ALL ON DATABASE empty_for_roles TO sequel_loader")
    try:
        with psycopg.connect(postgres.url("empty_for_roles")) as owner:
            owner.execute("GRANT USAGE, CREATE ON SCHEMA public TO sequel_loader")
        etl = Warehouse(postgres.url("empty_for_roles", "etl"))
        schema.migrate(etl)
        schema.ensure_current(etl)
        etl.dispose()
        run(postgres.url("empty_for_roles"))
    finally:
        postgres.run("DROP DATABASE empty_for_roles WITH (FORCE)")


def test_nobody_else_may_even_connect(postgres: PostgresServer, users: None) -> None:
    """PostgreSQL lets everybody in by itself."""
    postgres.run("CREATE ROLE stranger LOGIN")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(postgres.url("for_roles", "stranger"))
    finally:
        postgres.run("DROP ROLE stranger")
