"""One process's lease: renewed, lost, told of a 429, and had again."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.run import shared_places
from sequel_assets.refresh.run.shared_places import SharedPlaces
from sequel_assets.sequel.transport.limiter import Limiter
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.request_places import request_places, request_throttle
from sequel_assets_tests.support.postgres import PostgresServer

LIMIT = 6
SPAWN = multiprocessing.get_context("spawn")


def test_without_its_warehouse_a_process_makes_one_request_at_a_time(warehouse: Warehouse) -> None:
    """Its lease ends by its own clock before the database gives its places to others; a new one gives them back."""
    now = [0.0]
    limiter = Limiter(LIMIT, monotonic=lambda: now[0])
    shared = SharedPlaces(limiter, warehouse, companies=1, monotonic=lambda: now[0])
    shared.renew()
    assert [limiter._has_place(), limiter._places] == [True, LIMIT]
    limiter._under_way = 1
    now[0] += 24.9
    assert limiter._has_place()
    now[0] += 0.2
    assert not limiter._has_place()
    shared.renew()
    assert limiter._has_place()
    shared._warehouse.dispose()


def test_a_process_that_ends_leaves_no_lease(warehouse: Warehouse) -> None:
    """Its places are free at once."""
    shared = SharedPlaces(Limiter(LIMIT), warehouse, companies=3)
    shared.start()
    with warehouse.read() as connection:
        held = connection.execute(sa.select(request_places.c.companies, request_places.c.places)).all()
    shared.stop()
    with warehouse.read() as connection:
        left = connection.execute(sa.select(request_places)).all()
    assert (held, left) == ([(3, LIMIT)], [])


def throttled(limiter: Limiter, pause_seconds: float = 0.0) -> None:
    with limiter.permit() as permit:
        permit.throttled(pause_seconds)


def test_a_burst_of_429s_that_meets_two_processes_halves_each_window_once(warehouse: Warehouse) -> None:
    """Both tell of it; a third, which met none, halves its own with its next renewal; the next burst counts again."""
    limiters = [Limiter(2 * LIMIT, sleep=lambda _: None) for _ in range(3)]
    processes = [SharedPlaces(limiter, warehouse, companies=1) for limiter in limiters]
    for limiter, process in zip(limiters, processes, strict=True):
        limiter.on_throttled = process.report
        limiter.share(0, float("inf"))
    windows = []
    for bursts in (0, 1, 1):
        for limiter in limiters[: 2 * bursts]:
            throttled(limiter)
        for process in processes * 4:  # until all have their share
            process.renew()
        windows.append([limiter._window for limiter in limiters])
    for process in processes:
        process._warehouse.dispose()
    with warehouse.read() as connection:
        assert connection.scalar(sa.select(request_throttle.c.times)) == 2
    assert windows == [[12.0] * 3, [2.0] * 3, [1.0] * 3]  # each had four places


def test_a_longer_pause_within_a_burst_reaches_the_others_too(warehouse: Warehouse) -> None:
    """The second 429 of the burst asks for more than the first; it halves no window again."""
    now = [0.0]
    limiters = [Limiter(LIMIT, sleep=lambda _: None, monotonic=lambda: now[0]) for _ in range(2)]
    processes = [SharedPlaces(limiter, warehouse, companies=1, monotonic=lambda: now[0]) for limiter in limiters]
    for process in processes * 4:
        process.renew()
    limiters[0].on_throttled = processes[0].report
    permits = [limiters[0]._acquire(), limiters[0]._acquire()]
    for permit, seconds in zip(permits, (1.0, 30.0), strict=True):
        permit.throttled(seconds)
        limiters[0]._release(permit)
        processes[0].renew()
    processes[1].renew()
    for process in processes:
        process._warehouse.dispose()
    assert 25 < limiters[1]._paused_until <= 30
    assert [limiter._window for limiter in limiters] == [LIMIT / 4, LIMIT / 4]


def test_another_process_that_writes_for_long_on_sqlite_is_not_taken_for_a_database_that_is_gone(
    new_warehouse: Callable[[str], Warehouse], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewals fail meanwhile; the lease is long enough, and nothing is logged."""
    monkeypatch.setattr(shared_places, "BUSY_SECONDS", 0.05)
    warehouse = new_warehouse("sqlite")
    limiter = Limiter(LIMIT)
    shared = SharedPlaces(limiter, warehouse, companies=1)
    shared.renew()
    with warehouse.write():
        shared.renew()
        shared.renew()
        during = limiter._allowed()
    shared.renew()
    shared._warehouse.dispose()
    assert (during, limiter._allowed(), caplog.records) == (LIMIT, LIMIT, [])


def test_two_hosts_of_one_name_are_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of another boot is never said to have ended, whatever its number; one of this boot is, once it is gone."""
    gone = SPAWN.Process(target=os.getpid)
    gone.start()
    gone.join()
    here, number = shared_places._here(), gone.pid
    name, _, rest = here.partition("/")
    other = f"{name}/{'0' * 8}/{rest.partition('/')[2]}"
    assert [shared_places._has_ended(f"{host}:{number}") for host in (here, other)] == [True, False]


@pytest.mark.slow
def test_a_database_that_is_restarted_costs_no_place_and_one_that_stays_away_all_but_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line when the lease has ended, one when there is a new one."""
    monkeypatch.setattr(shared_places, "LEASE", timedelta(seconds=4))
    monkeypatch.setattr(shared_places, "SAFETY_SECONDS", 1.0)
    monkeypatch.setattr(shared_places, "BUSY_SECONDS", 1)
    try:
        server = PostgresServer.start()
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"PostgreSQL cannot be had here: {error}")
    try:
        server.run("CREATE DATABASE w")
        warehouse = Warehouse(server.url("w"))
        schema.migrate(warehouse)
        limiter = Limiter(LIMIT)
        shared = SharedPlaces(limiter, warehouse, companies=1)
        shared.start()
        allowed = [limiter._allowed()]
        server.restart()
        time.sleep(1.5)
        allowed.append(limiter._allowed())
        restarted = [record.getMessage() for record in caplog.records]
        server.halt()
        time.sleep(4.5)
        allowed.append(limiter._allowed())
        server.resume()
        time.sleep(3)
        allowed.append(limiter._allowed())
        shared.stop()
        warehouse.dispose()
    finally:
        server.stop()
    assert (allowed, restarted) == ([LIMIT, LIMIT, 1, LIMIT], [])
    said = [record.getMessage().partition(":")[0] for record in caplog.records if record.name == shared_places.__name__]
    assert said == [
        "requests cannot be shared with other processes, so one at a time is made",
        "the warehouse is there again",
    ]
