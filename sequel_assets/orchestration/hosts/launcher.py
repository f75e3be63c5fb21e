"""The run launcher for several hosts: dagster-celery's, a run per task, with three things that it lacks.

- **A lost worker is noticed.** dagster-celery trusts Celery's STARTED, which stays for ever when the worker's host is gone. Here the
  worker that has the task is asked whether it is there. Once it has not answered for `lost_seconds` its run fails, and Dagster's
  `run_retries` starts it again elsewhere. A worker that was only cut off and goes on does no harm: slices are replaced whole, and the
  newest hour wins. Whatever this cannot see is ended by `dagster/max_runtime`.
- **Redis may be away.** A run that cannot be handed over stays in Dagster's queue (`max_user_code_failure_retries`) and does not fail.
- **Every wait is bounded**: a connection that is half open fails within seconds.

`dagster.yaml` names it as its `run_launcher` (docs/more-hosts.md); nothing else imports it.
"""

import time
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

LOST_SECONDS = 90
"""Default of `lost_seconds`: how long a worker may leave questions unanswered before the runs that it has are taken for lost."""
PING_SECONDS, PING_AGAIN_SECONDS = 2.0, 10.0
"""How long a worker has to answer, and for how long an answer holds."""
SOCKET_SECONDS = 5
AWAY = (OperationalError, RedisError, OSError)
"""What Celery raises while Redis cannot be reached."""
_SOCKET = {
    "socket_timeout": SOCKET_SECONDS,
    "socket_connect_timeout": SOCKET_SECONDS,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "retry_on_timeout": True,
}
CELERY: dict[str, Any] = {
    "broker_transport_options": _SOCKET
    | {"max_retries": 3, "interval_start": 0, "interval_step": 0.5, "interval_max": 2},
    "result_backend_transport_options": {"retry_policy": {"timeout": SOCKET_SECONDS}},
    "redis_socket_timeout": SOCKET_SECONDS,
    "redis_socket_connect_timeout": SOCKET_SECONDS,
    "redis_socket_keepalive": True,
    "redis_retry_on_timeout": True,
    "redis_backend_health_check_interval": 25,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,  # a worker waits for Redis for as long as it takes
    "worker_prefetch_multiplier": 1,
    "task_acks_late": False,  # a task that is delivered again would say "duplicate run", and the run would wait for max_runtime
    "worker_soft_shutdown_timeout": 30.0,
    "worker_enable_remote_control": True,
    "result_expires": 86_400,
}
"""Celery's settings for launcher and workers; `config_source` in `dagster.yaml` goes before them."""


class HostsRunLauncher(CeleryRunLauncher):
    """Hands each run to a Celery worker and says of each whether its worker is still there."""

    def __init__(
        self,
        default_queue: str,
        broker: str | None = None,
        backend: str | None = None,
        include: list[str] | None = None,
        config_source: dict[str, Any] | None = None,
        lost_seconds: int = LOST_SECONDS,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(default_queue, broker, backend, include, CELERY | (config_source or {}), inst_data)
        self._lost_seconds = lost_seconds
        self._answered: dict[str, float] = {}
        """When each worker last answered, or was first asked."""
        self._asked: dict[str, float] = {}

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return what `dagster.yaml` may say of it: what dagster-celery's launcher takes, and `lost_seconds`."""
        meaning = "How long a worker may leave questions unanswered before the runs that it has are taken for lost"
        lost = dg.Field(int, is_required=False, default_value=LOST_SECONDS, description=meaning)
        return {**super().config_type(), "lost_seconds": lost}  # type: ignore[dict-item]

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand a run over; while Redis is away it goes back into Dagster's queue."""
        try:
            super().launch_run(context)
        except AWAY:
            raise DagsterUserCodeUnreachableError(
                "Redis cannot be reached, so no worker can be given this run; it stays in the queue and is tried again"
            ) from None

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether the run's task is with a worker that answers."""
        try:
            task = self.celery.backend.get_task_meta(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
            state, result = task["status"], task.get("result")
            if state == "SUCCESS":
                return CheckRunHealthResult(WorkerStatus.SUCCESS)
            if state == "FAILURE":
                return CheckRunHealthResult(WorkerStatus.FAILED, "the process that executed the run was killed")
            worker = result.get("hostname") if state == "STARTED" and isinstance(result, dict) else None
            if worker and not self._is_there(worker):
                return CheckRunHealthResult(
                    WorkerStatus.FAILED, f"worker {worker} has not answered for {self._lost_seconds} seconds"
                )
        except AWAY:
            pass  # nothing can be said of any worker: dagster/max_runtime is the bound
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _is_there(self, worker: str) -> bool:
        """Ask a worker, at most once in PING_AGAIN_SECONDS; return False once it has not answered for too long."""
        now = time.monotonic()
        if now - self._asked.get(worker, -PING_AGAIN_SECONDS) >= PING_AGAIN_SECONDS:
            self._asked[worker] = now
            if self.celery.control.ping(destination=[worker], timeout=PING_SECONDS):
                self._answered[worker] = now
        return now - self._answered.setdefault(worker, now) < self._lost_seconds
