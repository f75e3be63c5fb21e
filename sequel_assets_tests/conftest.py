"""Databases for every test: SQLite files and a real PostgreSQL, each test with one of its own.

- `engine_kind`: "sqlite", then "postgresql"; whatever uses it (also through the fixtures below) runs on both.
  `@pytest.mark.parametrize("engine_kind", ["sqlite"])` confines a test to one.
- `warehouse`: a `Warehouse` on a fresh database with the newest schema.
- `new_warehouse`: makes more of them, of a kind.
- `lent_warehouse`: lends them for a while, to tests that need many.
- `warehouse_url`: the URL of a fresh database without any tables.
- `pgbouncer`: a PgBouncer in transaction mode in front of that server.
- `postgres_url`: the URL of the PostgreSQL server of this session (its maintenance database).
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets_tests.support.pgbouncer import PgBouncer
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.suite import durations, open_connections, process_caches, selection
from sequel_assets_tests.support.suite.postgres_pool import DatabasePool
from sequel_assets_tests.support.suite.scale import load_hypothesis_profile

load_hypothesis_profile()
process_caches.share_all()
open_connections.watch()

ENGINES = ("sqlite", "postgresql")


def pytest_configure(config: pytest.Config) -> None:
    """Record how long each file takes, where that is asked for."""
    durations.record(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests by what they use, leave out what is for a campaign, and begin with the files that take longest."""
    selection.mark_light(items)
    selection.mark_alternating(items)
    selection.mark_campaign(items)
    if left := set(selection.left_out(items)):
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=sorted(left, key=lambda item: item.nodeid))
    durations.by_duration(items)


def pytest_collection_finish() -> None:
    """Collect garbage less often: what was imported stays, and going through it again and again costs a fifteenth of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this session (of each xdist worker), stopped and deleted at its end."""
    try:
        server = PostgresServer.start()
    except (ImportError, OSError, RuntimeError) as error:
        why = f"PostgreSQL cannot be had here: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def pgbouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """A pooler of this session that lends three connections to each database; skipped loudly where it is not installed."""
    try:
        pooler = PgBouncer.start(postgres.folder, connections=3)
    except (OSError, RuntimeError) as error:
        why = f"PgBouncer cannot be had here: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield pooler
    finally:
        pooler.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """URL of the server's maintenance database, for who makes databases of their own."""
    return postgres.url("postgres")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Make, once per engine, a database with the newest schema that others are copied from; returns its place."""
    made: dict[str, str] = {}

    def of(kind: str) -> str:
        if kind not in made:
            if kind == "sqlite":
                place = str(tmp_path_factory.mktemp("template") / "template.db")
                url = f"sqlite:///{place}"
            else:
                server: PostgresServer = request.getfixturevalue("postgres")
                place = "template_of_tests"
                server.run(f"CREATE DATABASE {place}")
                url = server.url(place)
            warehouse = Warehouse(url)
            migrate(warehouse)
            warehouse.dispose()  # SQLite folds its journal into the file, PostgreSQL wants nobody in a template
            made[kind] = place
        return made[kind]

    return of


@pytest.fixture(scope="session")
def database_pool(postgres: PostgresServer, template: Callable[[str], str]) -> DatabasePool:
    """Migrated databases of PostgreSQL, used again where a test has changed nothing but rows."""
    return DatabasePool(postgres, lambda: template("postgresql"))


@pytest.fixture
def new_database(
    tmp_path: Path, request: pytest.FixtureRequest, template: Callable[[str], str]
) -> Iterator[Callable[..., str]]:
    """Make databases, `new_database(kind, migrated=True)`, that go with the test; returns the URL."""
    names: list[str] = []
    pooled: list[str] = []

    def make(kind: str, *, migrated: bool) -> str:
        number = next(_numbers)
        if kind == "sqlite":
            file = tmp_path / f"warehouse{number}.db"
            if migrated:
                shutil.copyfile(template(kind), file)
            return f"sqlite:///{file}"
        server: PostgresServer = request.getfixturevalue("postgres")
        if migrated:
            pooled.append(request.getfixturevalue("database_pool").take())
            return server.url(pooled[-1])
        name = f"test{number}"
        server.run(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY FILE_COPY")
        names.append(name)
        return server.url(name)

    yield make
    open_connections.close(*names, *pooled)
    for name in names:
        request.getfixturevalue("postgres").run(f"DROP DATABASE {name} WITH (FORCE)")
    for name in pooled:
        request.getfixturevalue("database_pool").give_back(name)


@pytest.fixture
def new_warehouse(new_database: Callable[..., str]) -> Iterator[Callable[[str], Warehouse]]:
    """Make warehouses with the newest schema and nothing in them, `new_warehouse(kind)`; each is closed, whatever fails."""
    made: list[Warehouse] = []

    def make(kind: str) -> Warehouse:
        made.append(Warehouse(new_database(kind, migrated=True)))
        return made[-1]

    yield make
    for warehouse in made:
        warehouse.dispose()


@pytest.fixture
def lent_warehouse(
    tmp_path: Path, request: pytest.FixtureRequest, template: Callable[[str], str]
) -> Callable[[str], AbstractContextManager[Warehouse]]:
    """Return a function that lends warehouses for the length of a `with`, to a test that needs thousands of them."""

    @contextmanager
    def lend(kind: str) -> Iterator[Warehouse]:
        if kind == "sqlite":
            folder = tmp_path / f"lent{next(_numbers)}"
            folder.mkdir()
            shutil.copyfile(template(kind), folder / "warehouse.db")
            warehouse = Warehouse(f"sqlite:///{folder / 'warehouse.db'}")
            yield warehouse
            warehouse.dispose()
            shutil.rmtree(folder)
        else:
            pool: DatabasePool = request.getfixturevalue("database_pool")
            name = pool.take()
            warehouse = Warehouse(request.getfixturevalue("postgres").url(name))
            yield warehouse
            warehouse.dispose()
            open_connections.close(name)
            pool.give_back(name)

    return lend


@pytest.fixture(params=ENGINES)
def engine_kind(request: pytest.FixtureRequest) -> str:
    """Each engine that a warehouse may be kept in."""
    return str(request.param)


@pytest.fixture
def warehouse_url(engine_kind: str, new_database: Callable[..., str]) -> str:
    """URL of a fresh database without any tables."""
    return new_database(engine_kind, migrated=False)


@pytest.fixture
def warehouse(engine_kind: str, new_warehouse: Callable[[str], Warehouse]) -> Warehouse:
    """A warehouse with the newest schema and nothing in it."""
    return new_warehouse(engine_kind)
