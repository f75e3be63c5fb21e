"""One world, and what a usual PostgreSQL holds after its backfill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sequel_assets.sandbox import Clock, Sandbox, build_world
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.databases.postgres_backfill import NOW, SPEC, Tables, backfill
from sequel_assets_tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One world for all of them; its clock stands."""
    with Sandbox(build_world(SPEC), clock=Clock.pinned(NOW)) as made:
        yield made


@pytest.fixture(scope="module")
def plain(sandbox: Sandbox, postgres: PostgresServer) -> Iterator[Tables]:
    """What a PostgreSQL of our own holds after the same backfill."""
    postgres.run("CREATE DATABASE plain")
    warehouse = Warehouse(postgres.url("plain"))
    schema.migrate(warehouse)
    found = backfill(sandbox, warehouse)
    warehouse.dispose()
    assert len(found["event_participants"]) > 50
    yield found
    postgres.run("DROP DATABASE plain WITH (FORCE)")
