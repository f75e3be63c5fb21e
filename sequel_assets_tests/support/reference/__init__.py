"""The oracle: what every table must hold, computed the obvious way, and how to compare a warehouse with it."""

from sequel_assets_tests.support.reference.expected import COLUMNS, KEY, Tables, expected_tables, owners_of, person_id
from sequel_assets_tests.support.reference.stored import assert_equal_tables, dump, dump_of_slices, read_tables

__all__ = [
    "COLUMNS",
    "KEY",
    "Tables",
    "assert_equal_tables",
    "dump",
    "dump_of_slices",
    "expected_tables",
    "owners_of",
    "person_id",
    "read_tables",
]
