"""Backfills in processes of their own, and what must hold of a warehouse in whose middle one was killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from sequel_assets.refresh.hours import days_between
from sequel_assets.warehouse import silences

from ..reference import assert_equal_tables, expected_tables, read_tables
from .harness import Platform

SLICED = ("event_participants", "event_concurrency", "daily_usage", "lifetime_usage", "peak_concurrency")


def start_worker(it: Platform, days: Sequence[date], *how: str) -> subprocess.Popen[str]:
    """Start a backfill of all companies as a process; see worker.py for `how`."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "sequel_assets_tests.pipeline.worker",
        *arguments_of(it, days, *how),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def arguments_of(it: Platform, days: Sequence[date], *how: str) -> list[str]:
    """Return what a worker must be told."""
    url = it.warehouse.url.render_as_string(hide_password=False)
    ends = (it.start, days[0], days[-1])
    return [it.sandbox.url, url, it.clock().isoformat(), *(day.isoformat() for day in ends), *how]


def assert_nothing_is_half_written(it: Platform, days: Sequence[date]) -> None:
    """Every slice that has its bookkeeping has exactly the rows of the truth, and no other has any."""
    found, truth = read_tables(it.warehouse), expected_tables(it.world, days, start=it.start, now=it.clock())
    there = {(company, dataset, day) for company, dataset, day, *_ in bookkept(it)}
    for name in SLICED:
        told = [row for row in truth[name] if (row[0], name, row[1]) in there]
        assert_equal_tables({name: found[name]}, {name: told})


def assert_silences_are_true(it: Platform) -> None:
    """No event has a minute on a day that is remembered as silent; of each at most a few stretches are kept."""
    with it.warehouse.read() as connection:
        for company in it.world.companies:
            for event_id, stretches in silences.told(connection, company.id).items():
                minutes = {minute.at.date() for minute in it.world.minutes(event_id)}
                silent = {day for one in stretches for day in days_between(one.first, one.last)}
                assert minutes & silent == set(), (company.id, event_id)
                assert len(stretches) <= len(minutes) + 1


def bookkept(it: Platform) -> set[tuple[str, str, date, int]]:
    """Return (company, dataset, day, rows) of every slice that has its bookkeeping."""
    query = sa.text("SELECT company_id, dataset, day, rows FROM refreshes WHERE dataset <> 'events'")
    with it.warehouse.read() as connection:
        return {(c, dataset, date.fromisoformat(str(day)), rows) for c, dataset, day, rows in connection.execute(query)}
