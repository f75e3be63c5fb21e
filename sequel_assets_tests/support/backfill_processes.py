"""Backfills in processes of their own, and what must hold of a warehouse in whose middle one was killed."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.time import days_between
from sequel_assets.warehouse.slices.checksums import checksum_of
from sequel_assets.warehouse.stores import empty_ranges
from sequel_assets.warehouse.tables.core import NO_DAY, refreshes
from sequel_assets_tests.support.harness import PlatformUnderTest
from sequel_assets_tests.support.reference import COLUMNS, assert_equal_tables, expected_tables, read_tables

WITH_TRUTH = tuple(dataset.name for dataset in SLICED if dataset.name in COLUMNS)
"""Datasets of which the oracle knows every row; of the others the bookkeeping's checksum tells that they are whole."""


def start_worker(it: PlatformUnderTest, days: Sequence[date], *how: str) -> subprocess.Popen[str]:
    """Start a backfill of all companies as a process; see worker.py for `how`."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "sequel_assets_tests.support.backfill_worker",
        *arguments_of(it, days, *how),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def arguments_of(it: PlatformUnderTest, days: Sequence[date], *how: str) -> list[str]:
    """Return what a worker must be told."""
    url = it.warehouse.url.render_as_string(hide_password=False)
    ends = (it.start, days[0], days[-1])
    return [it.sandbox.url, url, it.clock().isoformat(), *(day.isoformat() for day in ends), *how]


def assert_nothing_is_half_written(it: PlatformUnderTest, days: Sequence[date]) -> None:
    """Every slice of every dataset has exactly the rows of its bookkeeping, those of the truth; no other has any."""
    found, truth = read_tables(it.warehouse), expected_tables(it.world, days, start=it.start, now=it.clock())
    kept = bookkept(it)
    for name in WITH_TRUTH:
        told = [row for row in truth[name] if (row[0], name, row[1]) in kept]
        assert_equal_tables({name: found[name]}, {name: told})
    stored, told = stored_slices(it), {key: told for key, told in kept.items() if told[0]}
    differing = {k: (stored.get(k), told.get(k)) for k in stored.keys() | told.keys() if stored.get(k) != told.get(k)}
    assert differing == {}, differing


def assert_empty_ranges_are_true(it: PlatformUnderTest) -> None:
    """No event has a minute on a day that is remembered as silent; of each at most a few stretches are kept."""
    with it.warehouse.read() as connection:
        for company in it.world.companies:
            for event_id, stretches in empty_ranges.load(connection, company.id).items():
                minutes = {minute.at.date() for minute in it.world.minutes(event_id)}
                silent = {day for one in stretches for day in days_between(one.first, one.last)}
                assert minutes & silent == set(), (company.id, event_id)
                assert len(stretches) <= len(minutes) + 1


Slices = dict[tuple[str, str, date], tuple[int, str]]
"""(company, dataset, day) -> how many rows, and their checksum."""


def bookkept(it: PlatformUnderTest) -> Slices:
    """Return every slice that has its bookkeeping, as that tells it."""
    r = refreshes.c
    query = sa.select(r.company_id, r.dataset, r.day, r.rows, r.checksum).where(r.day != NO_DAY)
    with it.warehouse.read() as connection:
        return {
            (company, dataset, day): (rows, told) for company, dataset, day, rows, told in connection.execute(query)
        }


def stored_slices(it: PlatformUnderTest) -> Slices:
    """Return every slice that has rows, as those tell it."""
    slices: dict[tuple[str, str, date], list[tuple[Any, ...]]] = defaultdict(list)
    with it.warehouse.read() as connection:
        for dataset in SLICED:
            for row in connection.execute(sa.select(dataset.table)):
                slices[row.company_id, dataset.name, row.day].append(tuple(row))
    tables = {dataset.name: dataset.table for dataset in SLICED}
    return {key: (len(rows), checksum_of(tables[key[1]], rows)) for key, rows in slices.items()}
