"""What stands in a warehouse, and whether it is what the oracle expects."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables import core as landed
from sequel_assets_tests.support.reference import details as reference_details
from sequel_assets_tests.support.reference.expected import COLUMNS, Tables
from sequel_assets_tests.support.rows import without_numbers


def read_tables(warehouse: Warehouse, *, vanished: bool = False) -> Tables:
    """Return the same columns as they stand in a warehouse, sorted; events that vanished are left out of `events`."""
    found: Tables = {}
    with warehouse.read() as connection:
        for name, columns in COLUMNS.items():
            table = landed.metadata.tables[name]
            query = sa.select(*(table.c[column] for column in columns))
            if name == "events" and not vanished:
                query = query.where(table.c.vanished_at.is_(None))
            rows = [tuple(row) for row in connection.execute(query)]
            found[name] = sorted(rows, key=repr) if name in reference_details.COLUMNS else sorted(rows)
    return found


def dump(warehouse: Warehouse, leave_out: Collection[str] = ("refreshed_at", "run_id", "since")) -> Tables:
    """Return every column of every table but those that tell when and by whom, sorted."""
    found: Tables = {}
    leave = {*leave_out, "first_seen_at", "last_seen_at", "written_at"}
    with warehouse.read() as connection:
        for table in landed.metadata.sorted_tables:
            columns = [column for column in table.columns if column.name not in leave]
            found[table.name] = sorted((tuple(row) for row in connection.execute(sa.select(*columns))), key=repr)
    return without_numbers(found)


def dump_of_slices(warehouse: Warehouse) -> Tables:
    """Return what `dump` does of the sliced tables, their bookkeeping (checksums too), proofs and people."""
    found = dump(warehouse)
    refreshes = [row for row in found["refreshes"] if row[2] != landed.NO_DAY]
    return {name: rows for name, rows in found.items() if name in COLUMNS and name != "events"} | {
        "proofs": found["proofs"],
        "refreshes": refreshes,
    }


def assert_equal_tables(found: Tables, expected: Tables, *, but: Collection[str] = ()) -> None:
    """Fail with the first rows, by table, that are missing or too many."""
    wrong = []
    for name in expected:
        if name in but or found[name] == expected[name]:
            continue
        missing, extra = set(expected[name]) - set(found[name]), set(found[name]) - set(expected[name])
        wrong.append(f"{name}: {len(expected[name])} rows expected, {len(found[name])} found")
        wrong += [f"  missing {row}" for row in sorted(missing, key=repr)[:5]]
        wrong += [f"  extra   {row}" for row in sorted(extra, key=repr)[:5]]
    assert not wrong, "\n" + "\n".join(wrong)
