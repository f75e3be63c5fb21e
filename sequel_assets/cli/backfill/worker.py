"""A worker process of a backfill: it is sent a company at a time, and tells how it goes."""

import os
import signal
import threading
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process

import dagster as dg

from sequel_assets import settings
from sequel_assets.cli.backfill.company_run import CompanyResult, Tick, execute
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.outcomes import unexpected

PARENT_DIED = 1


def work(connection: Connection, max_concurrency: int) -> None:
    """Execute the runs of the companies that come, until None comes, a signal, or the end of the parent.

    Its share of the requests that may be under way at once is given; its client has one token for all its companies.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_the_parent, name="parent", daemon=True).start()
    os.environ[settings.variable("max_concurrency")] = str(max_concurrency)
    config.open_warehouse(settings.load()).expect()
    try:
        with (
            stoppable() as raise_if_stopped,
            dg.DagsterInstance.get() as instance,
            config.open_client(settings.load()) as client,
        ):
            one_at_a_time = threading.Lock()

            def tell(news: Tick | CompanyResult) -> None:
                with one_at_a_time:
                    connection.send(news)

            while (task := connection.recv()) is not None:
                told = CompanyResult(task)
                try:
                    execute(instance, client, told, tell)
                except Exception as error:  # noqa: BLE001 - a mistake of ours must not take other companies down
                    told.broken = unexpected(error)
                finally:
                    tell(told)
                raise_if_stopped()
    except (KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError):
        pass  # it was stopped, or nobody listens any more
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending


def _end_with_the_parent() -> None:
    """End at once when the parent has ended, however that was; a commit is whole or is not there."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(PARENT_DIED)
