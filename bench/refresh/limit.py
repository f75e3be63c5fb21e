"""Limit: what sharing the requests under way costs, alone and among processes, and whether they stay below the limit."""

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from bench.support.world import in_a_process
from sequel_assets import settings
from sequel_assets.refresh.core import config
from sequel_assets.refresh.run.shared_places import sharing
from sequel_assets.warehouse import schema

HEADINGS = (
    "processes",
    "shared",
    "requests",
    "requests a second",
    "latency-bound, a second",
    "CPU ms a request",
    "most under way",
    "requests of each process",
    "429 known to all, s",
)
PLACES, LATENCY_MS, SECONDS, KNOWN_SECONDS = 8, 20, 8, 3
SPAWN = multiprocessing.get_context("spawn")


def ask(variables: Mapping[str, str], pipe: Connection, *, is_shared: bool, meets_429: bool) -> None:
    """Be a process that asks as fast as it may for some seconds; send requests, CPU seconds, and when each was under way.

    Afterwards one of them is answered 429; the last that is sent is when the window became narrower by that.
    """
    os.environ.update(variables)
    told = settings.load()
    warehouse = config.open_warehouse(told)
    times: list[tuple[float, int]] = []
    with closing(config.open_client(told)) as client:
        client.company(told.company_id or "")
        pipe.send("ready")
        pipe.recv()
        with sharing(client, warehouse) if is_shared else nullcontext():
            until, began = time.monotonic() + SECONDS, time.process_time()

            def work() -> None:
                while time.monotonic() < until:
                    client.company(told.company_id or "")

            def sample() -> None:
                while time.monotonic() < until:
                    times.append((time.time(), client.limiter.under_way()))
                    time.sleep(0.005)

            threads = [threading.Thread(target=work) for _ in range(2 * PLACES)]
            threads.append(threading.Thread(target=sample))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            cpu = time.process_time() - began
            pipe.send((client.stats.requests, cpu, times))
            pipe.recv()
            if meets_429:
                with client.limiter.permit() as permit:
                    permit.throttled()
            until = time.monotonic() + KNOWN_SECONDS
            while time.monotonic() < until and client.limiter.window() == PLACES:
                time.sleep(0.002)
            pipe.send(time.time() if client.limiter.window() < PLACES else None)
            pipe.recv()
    warehouse.dispose()


def run() -> Iterator[tuple[int, str, int, float, float, float, int, str, str]]:
    """Yield a row for each number of processes, without and with sharing."""
    with in_a_process("--companies", "1", "--days", "1", "--latency-ms", str(LATENCY_MS)) as account:
        for number in (1, 2, 4):
            for is_shared in (False, True):
                yield (number, "yes" if is_shared else "no", *_row(account, number, is_shared=is_shared))


def _row(account: Mapping[str, str], number: int, *, is_shared: bool) -> tuple[int, float, float, float, int, str, str]:
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            **account,
            "SEQUEL_PERSON_KEY": "k" * 32,
            "SEQUEL_WAREHOUSE_URL": f"sqlite:///{Path(folder) / 'warehouse.db'}",
            "SEQUEL_MAX_CONCURRENCY": str(PLACES),
        }
        before = dict(os.environ)
        os.environ.update(variables)
        warehouse = config.open_warehouse(settings.load())
        schema.migrate(warehouse)
        warehouse.dispose()
        pipes, processes = [], list[SpawnProcess]()
        for place in range(number):
            ours, theirs = SPAWN.Pipe()
            process = SPAWN.Process(
                target=ask,
                args=(variables, theirs),
                kwargs={"is_shared": is_shared, "meets_429": place == 0},
                daemon=True,
            )
            process.start()
            pipes.append(ours)
            processes.append(process)
        for pipe in pipes:
            pipe.recv()
        for pipe in pipes:
            pipe.send("go")
        answers = [pipe.recv() for pipe in pipes]
        for pipe in pipes:
            pipe.send("meet a 429")
        known = [pipe.recv() for pipe in pipes]
        for pipe in pipes:
            pipe.send("end")
        for process in processes:
            process.join()
        os.environ.clear()
        os.environ.update(before)
    requests = sum(answer[0] for answer in answers)
    cpu = sum(answer[1] for answer in answers)
    bound = PLACES * (1 if is_shared else number) * 1000 / LATENCY_MS
    of_each = sorted(answer[0] for answer in answers)
    delay = "never" if None in known else f"{max(known) - known[0]:.2f}"
    most = _most([answer[2] for answer in answers])
    return requests, requests / SECONDS, bound, cpu / requests * 1000, most, f"{of_each[0]} to {of_each[-1]}", delay


def _most(samples: list[list[tuple[float, int]]]) -> int:
    """Return the most requests that all processes had under way, in steps of five milliseconds."""
    sums: dict[int, int] = {}
    for of_process in samples:
        for slot, count in {int(at * 200): count for at, count in of_process}.items():
            sums[slot] = sums.get(slot, 0) + count
    return max(sums.values(), default=0)
