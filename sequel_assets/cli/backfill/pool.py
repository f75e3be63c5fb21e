"""Companies in parallel: a pool of worker processes that take one company at a time.

A worker that dies fails its company by name and is replaced. Workers never outlive the parent: it passes a signal on
and waits for them for a bounded time, and where it is killed itself they notice that and exit.
"""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, Task
from sequel_assets.cli.backfill.worker import work
from sequel_assets.cli.support.signals import SIGNALS

MAX_BY_DEFAULT, DAYS_EACH = 4, 30
"""Without --workers: the highest number of processes, and the fewest days of companies that are worth a process."""
STOP_SECONDS = 15.0
"""How long workers may take to end their runs when the command is stopped; after that they are killed."""


@dataclass
class Worker:
    """A process and its current company."""

    process: SpawnProcess
    task: Task


def worker_count(requested: int | None, tasks: Sequence[Task], max_concurrency: int) -> int:
    """Return the number of processes: never more than companies, nor than concurrent requests.

    The default is one per core, up to a few, each with enough days to be worth its start.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    days = sum((task.last - task.first).days + 1 for task in tasks)
    number = requested or min(cores, MAX_BY_DEFAULT, days // DAYS_EACH)
    return max(1, min(number, len(tasks), max_concurrency))


def run_side_by_side(
    tasks: Sequence[Task], workers: int, receive: Callable[[ProgressUpdate | CompanyResult], None]
) -> None:
    """Execute the tasks and pass on every message about them, until all are done or one ended fatally."""
    waiting, pool = deque(tasks), _WorkerPool(receive)
    try:
        for _ in range(workers):
            pool.start_worker(waiting.popleft())
        is_over = False
        while pool.workers and not is_over:
            for connection in pool.ready():
                worker = pool.workers[connection]
                message = pool.receive(connection)
                if isinstance(message, CompanyResult):
                    is_over = is_over or bool(message.fatal)
                    if connection not in pool.workers:
                        if waiting:
                            pool.start_worker(waiting.popleft())
                    elif waiting:
                        worker.task = waiting.popleft()
                        pool.send(connection, worker.task)
                    else:
                        pool.send(connection, None)
    finally:
        pool.stop_all()


class _WorkerPool:
    """The running workers, by their pipes."""

    def __init__(self, receive: Callable[[ProgressUpdate | CompanyResult], None]) -> None:
        self.workers: dict[Connection, Worker] = {}
        self._hear = receive
        self._spawn = multiprocessing.get_context("spawn")
        self._free: set[Connection] = set()

    def start_worker(self, task: Task) -> None:
        """Start a process and send it its first company. Only the parent receives signals; it passes them on."""
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=work, args=(theirs,), daemon=True)
        with _signals_blocked():
            process.start()
            self.workers[ours] = Worker(process, task)
        theirs.close()
        self.send(ours, task)

    def send(self, connection: Connection, task: Task | None) -> None:
        """Send a company, or None when there are no more. A dead reader is noticed by `receive`, not here."""
        if task is None:
            self._free.add(connection)
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.send(task)

    def ready(self, timeout_seconds: float | None = None) -> list[Connection]:
        """Wait until a worker has sent a message or ended, and return the pipes that can be read."""
        readable = wait(list(self.workers), timeout_seconds)
        return [connection for connection in self.workers if connection in readable]

    def receive(self, connection: Connection) -> ProgressUpdate | CompanyResult | None:
        """Take one message and pass it on; a worker that ended within a company has failed that company."""
        worker = self.workers[connection]
        try:
            message: ProgressUpdate | CompanyResult = connection.recv()
        except (EOFError, OSError):
            del self.workers[connection]
            _end(worker.process)
            if connection in self._free:
                return None
            message = CompanyResult(
                worker.task,
                error=f"its worker process {_exit_description(worker.process.exitcode)}; what it had committed stays; "
                "run the same command again",
            )
        self._hear(message)
        return message

    def stop_all(self) -> None:
        """End all workers: by SIGTERM, reading their messages until they are gone, and after a while by SIGKILL."""
        everybody = [worker.process for worker in self.workers.values()]
        try:
            for connection, worker in self.workers.items():
                if connection not in self._free:
                    worker.process.terminate()
                    self._free.add(connection)
            until = time.monotonic() + STOP_SECONDS
            while self.workers and (left := until - time.monotonic()) > 0:
                for connection in self.ready(left):
                    self.receive(connection)
        finally:
            for process in everybody:
                _end(process, 0)


def _end(process: SpawnProcess, timeout_seconds: float = STOP_SECONDS) -> None:
    process.join(timeout_seconds)
    if process.is_alive():
        process.kill()
        process.join()


def _exit_description(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was killed ({signal.Signals(-exit_code).name})"
    return f"ended by itself (exit code {exit_code})"


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block signals while a process starts; it inherits the mask and unblocks only SIGTERM, once it can handle it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
