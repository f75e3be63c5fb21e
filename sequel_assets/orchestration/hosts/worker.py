"""A worker: takes runs from Celery's queue and executes them, as many at once as its concurrency says.

Its Celery app is the launcher's own, so `dagster.yaml` is the only place that says where Redis is.
"""

import os
from typing import Any

import dagster as dg

PROCESS_RUNS = 50
"""Runs after which a process is replaced, so that no memory grows for ever."""


def app_of(instance: dg.DagsterInstance) -> Any:
    """Return the Celery app of an instance whose runs go to other hosts, its tasks registered; None of any other."""
    if not runs_on_hosts(instance):
        return None
    from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

    app = instance.run_launcher.celery  # type: ignore[attr-defined]
    create_execute_job_task(app)
    create_resume_job_task(app)
    return app


def runs_on_hosts(instance: dg.DagsterInstance) -> bool:
    """Say whether an instance hands its runs to workers, instead of executing them where the daemon is."""
    return type(instance.run_launcher).__module__ == "sequel_assets.orchestration.hosts.launcher"


def is_reachable(app: Any) -> bool:
    """Say whether Redis answers, within some seconds."""
    from sequel_assets.orchestration.hosts.launcher import AWAY

    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
    except AWAY:
        return False
    return True


def work(app: Any, *, concurrency: int, name: str) -> int:
    """Take runs until SIGTERM or Ctrl-C; those under way have half a minute to end. Return the exit code.

    `name` is of this start alone: a worker that was killed and started again must not answer for the runs that were lost.
    """
    os.environ.setdefault(
        "REMAP_SIGTERM", "SIGQUIT"
    )  # Celery's bounded end; its plain SIGTERM would wait for every run
    worker = app.Worker(
        hostname=name,
        concurrency=concurrency,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        optimization="fair",
        max_tasks_per_child=PROCESS_RUNS,
    )
    worker.start()
    return int(worker.exitcode or 0)
