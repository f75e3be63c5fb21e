"""A warehouse to export, and what an export wrote, for the tests of `sequel-assets export`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sequel_assets import settings as settings_module
from sequel_assets.cli.commands.export_options import ExportOptions
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.company_lists import registrants
from sequel_assets.warehouse.tables.core import NO_DAY, event_participants, events, people, refreshes
from sequel_assets.warehouse.tables.event_details import chat_messages, questions
from sequel_assets_tests.support.rows import ACME, AT, day, known_company, participant, settle_in

BOLT = "bolt"
NOW = datetime(2026, 3, 4, 0, 20, tzinfo=UTC)
FACTS = [
    participant("e1", "p1", 30, 12, on=day(0)),
    participant("e1", "p2", 10, on=day(0)),
    participant("e1", "p1", 0, 5, on=day(2)),
]


def settings_of(warehouse: Warehouse, now: datetime = NOW) -> settings_module.Settings:
    """Settings for this warehouse."""
    url = warehouse.url.render_as_string(hide_password=False)
    return settings_module.load(warehouse_url=url, start_date=day(0), now=now)


def book(
    warehouse: Warehouse, dataset: str, days: Sequence[date], *, company_id: str = ACME, through: datetime | None = None
) -> None:
    """Write that slices were refreshed, each to its day's end unless told otherwise."""
    with warehouse.write() as connection:
        for each in days:
            moment = through or (AT if each == NO_DAY else day_end(each))
            row = (company_id, dataset, each, AT, moment, moment, False, 0, "sum", None, "run", None)
            bulk.insert(connection, refreshes, [row])


def fill(warehouse: Warehouse) -> None:
    """Two companies; of Acme days 0, 1 (nobody came) and 2 are whole, day 3 is not though it has a row. Bolt has nothing."""
    settle_in(warehouse, {"e1": "virtualStageEvent"})
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company(BOLT)], at=AT)
        bulk.insert(connection, event_participants, [*FACTS, participant("e1", "p9", 99, on=day(3))])
        bulk.insert(connection, people, [(ACME, "p1", "zq@mail.example", "Zebulon", "crm-77", day(0))])
        bulk.insert(
            connection,
            questions,
            [(ACME, day(0), "e1", "q1", "p1", "what was asked", None, "what was answered", AT, 3)],
        )
        bulk.insert(connection, chat_messages, [(ACME, day(0), "e1", "m1", 1, "p1", "what was said", AT)])
        bulk.insert(connection, registrants, [(ACME, "e1", "p1", None, True, '{"why": "what was said"}', AT)])
        bulk.insert(
            connection,
            refreshes,
            [(ACME, "event_participants", day(3), AT, None, None, False, 1, "sum", None, "run", None)],
        )
    book(warehouse, "event_participants", [day(0), day(1), day(2)])
    book(warehouse, "questions", [day(0)])
    book(warehouse, "chat_messages", [day(0)])
    for name in (events.name, registrants.name):
        book(warehouse, name, [NO_DAY])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder that is exported to."""
    return tmp_path / "out"


def order(
    folder: Path, *datasets: str, last: date | None = None, form: str = "parquet", with_people: bool = False
) -> ExportOptions:
    """An order from the first day on."""
    return ExportOptions(datasets, day(0), last or day(2), form, folder, with_people)


def files(folder: Path) -> list[str]:
    """Every file, by its place beneath the folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
