"""A worker process of a backfill: it receives one company at a time and sends progress and results back."""

import os
import signal
import threading
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process

import dagster as dg

from sequel_assets import settings
from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, execute
from sequel_assets.cli.support.dagster_home import cancel_run
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.outcomes import unexpected
from sequel_assets.refresh.run.shared_places import sharing

PARENT_DIED = 1


def work(connection: Connection) -> None:
    """Execute the runs of the companies that arrive, until None, a signal, or the end of the parent.

    Its client uses one token for all its companies, and shares the requests under way with the other processes.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_exit_with_parent, name="parent", daemon=True).start()
    warehouse = config.open_warehouse(settings.load())
    warehouse.expect()
    try:
        with (
            stoppable() as raise_if_stopped,
            dg.DagsterInstance.get() as instance,
            config.open_client(settings.load()) as client,
            sharing(client, warehouse),
        ):
            one_at_a_time = threading.Lock()

            def send(message: ProgressUpdate | CompanyResult) -> None:
                with one_at_a_time:
                    connection.send(message)

            while (task := connection.recv()) is not None:
                result = CompanyResult(task)
                try:
                    execute(instance, client, result, send)
                    raise_if_stopped()
                    result.has_ended = True
                except KeyboardInterrupt:
                    cancel_run(instance, result.run_id)
                    raise
                except Exception as error:  # noqa: BLE001 - a bug must not fail the companies that follow
                    result.error = unexpected(error)
                finally:
                    send(result)
    except (KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError):
        pass  # it was stopped, or the parent no longer reads
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending already


def _exit_with_parent() -> None:
    """Exit at once when the parent has ended, for whatever reason; the database undoes what was not committed."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(PARENT_DIED)
