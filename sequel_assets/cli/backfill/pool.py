"""Companies side by side: worker processes that come for one company at a time.

A worker that dies fails its company by name and is replaced. Whatever ends the parent ends the workers: a signal is
passed on and waited for, for a bounded time; where the parent itself is killed they notice it and end.
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

from sequel_assets.cli.backfill.company_run import CompanyResult, Task, Tick
from sequel_assets.cli.backfill.worker import work
from sequel_assets.cli.support.signals import SIGNALS

MAX_BY_DEFAULT, DAYS_EACH = 4, 30
"""Processes at most, and days of companies for each of them at least, unless it is said how many there shall be."""
PATIENCE_SECONDS = 15.0
"""How long workers may take to end what they are at when the command is stopped."""


@dataclass
class Worker:
    """A process, what it was given, and its share of the requests that may be under way at once."""

    process: SpawnProcess
    task: Task
    share: int


def how_many(asked: int | None, tasks: Sequence[Task], max_concurrency: int) -> int:
    """Return how many processes to use: never more than companies, nor than requests that may be under way at once.

    By default there are as many as cores, up to a few, each with enough to do to be worth its start.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    days = sum((task.last - task.first).days + 1 for task in tasks)
    number = asked or min(cores, MAX_BY_DEFAULT, days // DAYS_EACH)
    return max(1, min(number, len(tasks), max_concurrency))


def shares(max_concurrency: int, workers: int) -> list[int]:
    """Divide the requests that may be under way at once: at least 1 each, never more in sum."""
    each, more = divmod(max_concurrency, workers)
    return [each + (place < more) for place in range(workers)]


def run_side_by_side(
    tasks: Sequence[Task], workers: int, max_concurrency: int, hear: Callable[[Tick | CompanyResult], None]
) -> None:
    """Execute the tasks, and pass on all that is told of them, until all are done or one ended fatally."""
    waiting, team = deque(tasks), _Team(hear)
    try:
        for share in shares(max_concurrency, workers):
            team.hire(waiting.popleft(), share)
        is_over = False
        while team.workers and not is_over:
            for connection in team.ready():
                worker = team.workers[connection]
                news = team.hear_of(connection)
                if isinstance(news, CompanyResult):
                    is_over = is_over or bool(news.fatal)
                    if connection not in team.workers:
                        if waiting:
                            team.hire(waiting.popleft(), worker.share)
                    elif waiting:
                        worker.task = waiting.popleft()
                        team.send(connection, worker.task)
                    else:
                        team.send(connection, None)
    finally:
        team.dismiss()


class _Team:
    """The workers that are at work, by their pipes."""

    def __init__(self, hear: Callable[[Tick | CompanyResult], None]) -> None:
        self.workers: dict[Connection, Worker] = {}
        self._hear = hear
        self._spawn = multiprocessing.get_context("spawn")
        self._free: set[Connection] = set()

    def hire(self, task: Task, share: int) -> None:
        """Start a process and send it its first company. Signals come to the parent alone, which passes them on."""
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=work, args=(theirs, share), daemon=True)
        with _signals_held_back():
            process.start()
            self.workers[ours] = Worker(process, task, share)
        theirs.close()
        self.send(ours, task)

    def send(self, connection: Connection, task: Task | None) -> None:
        """Send a company, or that there are no more. Whether its reader lives is seen when it is listened to."""
        if task is None:
            self._free.add(connection)
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.send(task)

    def ready(self, patience_seconds: float | None = None) -> list[Connection]:
        """Wait until a worker has news or has ended, and return those of whom there is something to hear."""
        with_news = wait(list(self.workers), patience_seconds)
        return [connection for connection in self.workers if connection in with_news]

    def hear_of(self, connection: Connection) -> Tick | CompanyResult | None:
        """Take one message and pass it on; a worker that has ended within a company has failed it."""
        worker = self.workers[connection]
        try:
            news: Tick | CompanyResult = connection.recv()
        except (EOFError, OSError):
            del self.workers[connection]
            _end(worker.process)
            if connection in self._free:
                return None
            news = CompanyResult(
                worker.task,
                broken=f"its worker process {_how(worker.process.exitcode)}; what it had committed stays; run the same command again",
            )
        self._hear(news)
        return news

    def dismiss(self) -> None:
        """End all workers: by SIGTERM, listening until they are gone, and after a while by SIGKILL."""
        everybody = [worker.process for worker in self.workers.values()]
        try:
            for connection, worker in self.workers.items():
                if connection not in self._free:
                    worker.process.terminate()
                    self._free.add(connection)
            until = time.monotonic() + PATIENCE_SECONDS
            while self.workers and (left := until - time.monotonic()) > 0:
                for connection in self.ready(left):
                    self.hear_of(connection)
        finally:
            for process in everybody:
                _end(process, 0)


def _end(process: SpawnProcess, patience_seconds: float = PATIENCE_SECONDS) -> None:
    process.join(patience_seconds)
    if process.is_alive():
        process.kill()
        process.join()


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was killed ({signal.Signals(-exit_code).name})"
    return f"ended by itself (exit code {exit_code})"


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Hold signals back while a process is started: it is born deaf to them, and listens to SIGTERM alone later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
