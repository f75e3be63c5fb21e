"""Several processes ask Sequel for one warehouse: never more at once than the limit, whoever is killed, stopped or cut off."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.run import shared_places
from sequel_assets.refresh.run.shared_places import SharedPlaces
from sequel_assets.sequel.transport.limiter import Limiter
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import request_places as store
from sequel_assets.warehouse.tables.request_places import request_places

LIMIT = 6
SPAWN = multiprocessing.get_context("spawn")


def ask(url: str, pipe: Connection, companies: int, lease_seconds: float) -> None:
    """Be a process that always wants more requests than it may have; say whenever one begins and ends."""
    store.LEASE = shared_places.LEASE = timedelta(seconds=lease_seconds)
    shared_places.SAFETY_SECONDS = 1.0
    limiter, warehouse = Limiter(LIMIT), Warehouse(url)
    shared = SharedPlaces(limiter, warehouse, companies=companies)
    shared.start()
    one_at_a_time, ended = threading.Lock(), threading.Event()

    def request() -> None:
        while not ended.is_set():
            with limiter.permit() as permit:
                with one_at_a_time:
                    pipe.send(+1)
                time.sleep(0.02)
                permit.succeeded()
                with one_at_a_time:
                    pipe.send(-1)

    threads = [threading.Thread(target=request, daemon=True) for _ in range(LIMIT * 2)]
    for thread in threads:
        thread.start()
    pipe.poll(600)
    ended.set()
    shared.stop()
    os._exit(0)


class Crowd:
    """Processes, and how many requests they have under way as Sequel would see it."""

    def __init__(self, url: str, lease_seconds: float) -> None:
        self._url, self._lease = url, lease_seconds
        self.processes: list[multiprocessing.context.SpawnProcess] = []
        self.pipes: list[Connection] = []
        self.under_way: list[int] = []
        self.most: list[int] = []
        self.most_together = 0
        self.begun: list[int] = []

    def join(self, companies: int = 1) -> int:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=ask, args=(self._url, theirs, companies, self._lease), daemon=True)
        process.start()
        theirs.close()
        self.processes.append(process)
        self.pipes.append(ours)
        self.under_way.append(0)
        self.most.append(0)
        self.begun.append(0)
        return len(self.pipes) - 1

    def watch(self, seconds: float) -> None:
        """Count for so long; a request of a process that is gone is gone too."""
        self.most, self.begun = [0] * len(self.pipes), [0] * len(self.pipes)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for number, pipe in enumerate(self.pipes):
                try:
                    while pipe.poll(0):
                        step = pipe.recv()
                        self.under_way[number] += step
                        self.begun[number] += step > 0
                        self.most[number] = max(self.most[number], self.under_way[number])
                        self.most_together = max(self.most_together, sum(self.under_way))
                except (EOFError, OSError):
                    self.under_way[number] = 0
            time.sleep(0.001)

    def end(self) -> None:
        for process in self.processes:
            if process.pid is not None:
                process.kill()
            process.join()


@contextmanager
def crowd(url: str, lease_seconds: float = 30.0) -> Iterator[Crowd]:
    made = Crowd(url, lease_seconds)
    try:
        yield made
    finally:
        made.end()


@pytest.mark.slow
def test_processes_never_have_more_under_way_than_the_limit_and_share_it_by_their_companies(
    warehouse: Warehouse,
) -> None:
    """One alone has everything; a second with as many companies half; a killed one's places come back with its lease."""
    with crowd(str(warehouse.url.render_as_string(hide_password=False)), lease_seconds=4) as it:
        first = it.join()
        it.watch(3)
        assert it.most[first] == LIMIT
        second = it.join()
        it.watch(3)  # it starts, and both renew
        it.watch(2)
        assert it.begun[second] > 0
        assert it.most_together <= LIMIT
        with warehouse.read() as connection:
            held = sorted(connection.scalars(sa.select(request_places.c.places)))
        assert held == [LIMIT // 2, LIMIT // 2]
        it.processes[first].kill()
        it.watch(6)
        it.watch(1)
        assert it.most[second] == LIMIT
        assert it.most_together <= LIMIT


@pytest.mark.scenario
def test_a_process_that_was_stopped_uses_no_place_that_was_given_away(warehouse: Warehouse) -> None:
    """SIGSTOP for longer than its lease: when it goes on it makes one request at a time until it has a new lease."""
    with crowd(str(warehouse.url.render_as_string(hide_password=False)), lease_seconds=3) as it:
        first, second = it.join(), it.join()
        it.watch(4)
        pid = it.processes[first].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        it.watch(5)
        assert it.most[second] == LIMIT
        stuck, it.most_together = it.under_way[first], 0
        os.kill(pid, signal.SIGCONT)
        it.watch(3)
        assert it.most_together <= LIMIT + stuck + 1  # what it had under way when it was stopped, and one
        assert it.begun[first] > 0
