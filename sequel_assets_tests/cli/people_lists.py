"""Lists of people, and the command that links them, for the tests of `sequel-assets people link`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets import settings as settings_module
from sequel_assets.cli.commands import people as commands
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.people import person_id
from sequel_assets.warehouse.tables.core import people
from sequel_assets_tests.support.rows import ACME, AT, known_company

BOLT = "bolt"
KEY = "k" * 32
ADA, BO, CY = ("ada@example.org", "bö@example.org", "cy@example.org")


def key_of(email: str) -> str:
    """The person of an e-mail."""
    return person_id(KEY, email, "", "")


def settings_of(warehouse: Warehouse, **more: Any) -> settings_module.Settings:
    """Settings for this warehouse."""
    told = {"warehouse_url": warehouse.url.render_as_string(hide_password=False), "person_key": KEY}
    return settings_module.load(**{**told, "now": datetime(2026, 3, 4, tzinfo=UTC), **more})


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Ada at both companies, Bo at Acme, where he is linked already."""
    rows = [(ACME, ADA, None), (ACME, BO, "old"), (BOLT, ADA, None)]
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company(), known_company(BOLT)], at=AT)
        bulk.insert(
            connection,
            people,
            [(company, key_of(e), e, "Somebody", linked, date(2026, 3, 1)) for company, e, linked in rows],
        )
    return warehouse


def linked(warehouse: Warehouse) -> dict[tuple[str, str], str | None]:
    """(company, e-mail) -> external id."""
    with warehouse.read() as connection:
        p = people.c
        return {(row[0], row[1]): row[2] for row in connection.execute(sa.select(p.company_id, p.email, p.external_id))}


def call(
    warehouse: Warehouse, file: Path | None, *companies: str, skips: bool = False, dry: bool = False, **more: Any
) -> int:
    """Call the command."""
    return commands.link(settings_of(warehouse, **more), file, companies, skips_bad=skips, is_dry=dry)


def csv_of(folder: Path, text: str | bytes) -> Path:
    """A file with this content."""
    path = folder / "links.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
