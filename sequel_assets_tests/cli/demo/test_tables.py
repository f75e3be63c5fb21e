"""The demo's tables where the world is odder than the demo's own."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sequel_assets.cli.demo import tables
from sequel_assets.insights.event_statistics import event_statistics
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.event_details import chat_messages
from sequel_assets_tests.support.rows import ACME, AT, DAY, known_company, known_event

KEY = {"company_id": ACME, "day": DAY, "event_id": "e1"}


def add(connection: sa.Connection, table: sa.Table, **values: object) -> None:
    """A row with zeros where nothing is said and something must be."""
    zeros = {
        column.name: column.type.python_type()
        for column in table.columns
        if not column.nullable and column.name not in KEY
    }
    connection.execute(table.insert(), zeros | KEY | values)


def test_a_message_of_nobody_has_no_person(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """Sequel names no sender: the cell is empty."""
    with warehouse.write(ACME) as connection:
        catalog.save_companies(connection, [known_company()], at=AT)
        catalog.save_events(connection, ACME, [known_event("e1", name="Launch")])
        add(connection, event_statistics, chat_messages=2)
        for position, (who, text) in enumerate((("a1b2c3d4e5f6a7", "hello"), (None, "anybody?"))):
            add(connection, chat_messages, message_id=str(position), position=position, person_id=who, text=text)
        tables._chat(connection, {ACME: "acme.0"})
    lines = [line.replace(" ", "") for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.startswith("││")] == ["││a1b2c3d4e5f6│hello│", "│││anybody?│"]
