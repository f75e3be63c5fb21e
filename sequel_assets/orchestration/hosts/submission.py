"""Puts runs of the job of slices into Dagster's queue, and says how far they are.

Dagster's ways to do so are its webserver (which a command may not reach) and a workspace; this is the latter, by its private modules.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.remote_representation.external import RemoteJob, RemoteRepository
from dagster._core.storage.tags import WILL_RETRY_TAG
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from sequel_assets.orchestration.namespace import ALONE, SLICES, Namespace
from sequel_assets.orchestration.reporting.failures import UNKNOWN, lines_of_failed_step
from sequel_assets.orchestration.storage.event_log import batches

AT_ONCE = 200
"""Runs that are read at once."""


class NoCodeLocationError(Exception):
    """No code location of a workspace can be reached that has the job; the text says which workspace."""


class SlicesQueue:
    """The queue of an instance, for runs of the job of slices."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        workspace: WorkspaceRequestContext,
        repository: RemoteRepository,
        job: RemoteJob,
    ) -> None:
        self._instance, self._workspace, self._repository, self._job = instance, workspace, repository, job
        location = workspace.get_code_location(repository.handle.location_name)
        self._plan = location.get_execution_plan(
            job, {}, step_keys_to_execute=None, known_state=None, instance=instance
        ).execution_plan_snapshot

    def submit(self, tags: Mapping[str, str]) -> str:
        """Create a run with these tags, its range among them, put it into the queue, and return its id."""
        job = self._job
        run = self._instance.create_run(
            job_name=job.name,
            run_id=None,
            run_config={},
            resolved_op_selection=job.resolved_op_selection,
            step_keys_to_execute=self._plan.step_keys_to_execute,
            op_selection=None,
            status=None,
            root_run_id=None,
            parent_run_id=None,
            tags={**job.tags, **tags},
            job_snapshot=job.job_snapshot,
            execution_plan_snapshot=self._plan,
            parent_job_snapshot=job.parent_job_snapshot,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
            asset_selection=None,
            asset_check_selection=None,
            asset_graph=self._repository.asset_graph,
        )
        self._instance.submit_run(run.run_id, self._workspace)
        return run.run_id


@contextmanager
def slices_queue(instance: dg.DagsterInstance, workspace: Path, space: Namespace = ALONE) -> Iterator[SlicesQueue]:
    """Yield the queue, by the code location of a workspace file that has the job; else `NoCodeLocationError`."""
    name = space.name(SLICES)
    with WorkspaceProcessContext(instance, WorkspaceFileTarget(paths=[str(workspace)])) as process:
        request = process.create_request_context()
        for location in request.code_locations:
            for repository in location.get_repositories().values():
                if repository.has_job(name):
                    selector = JobSubsetSelector(
                        location_name=location.name, repository_name=repository.name, job_name=name, op_selection=None
                    )
                    yield SlicesQueue(instance, request, repository, location.get_job(selector))
                    return
    raise NoCodeLocationError(
        f"{workspace}: no code location in it answers that has the job {name}; start the code server, or name another "
        "workspace with --workspace; nothing was submitted"
    )


def last_attempts(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> dict[str, dg.DagsterRun]:
    """Return, by the ids of runs that were submitted, the last attempt of each: itself, or what Dagster retried it with."""
    found: dict[str, dg.DagsterRun] = {}
    for some in batches(run_ids, AT_ONCE):
        found |= {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=some))}
    for run_id, run in found.items():
        if run.status is dg.DagsterRunStatus.FAILURE and run.tags.get(WILL_RETRY_TAG) == "true":
            _, group = instance.get_run_group(run_id) or (run_id, [run])
            found[run_id] = max(group, key=lambda one: int(one.tags.get("dagster/retry_number", "0")))
    return found


def is_over(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Say whether an attempt has ended, and no other will follow: Dagster says so a moment after the run has failed."""
    if run.status is dg.DagsterRunStatus.FAILURE and instance.run_retries_enabled:
        return run.tags.get(WILL_RETRY_TAG) == "false"
    return run.is_finished


def why_it_failed(instance: dg.DagsterInstance, run_id: str, lines: int) -> list[str]:
    """Return the first lines of what a failed run says of itself; one without a failed step was lost, or never began."""
    steps, ends = (
        [entry.dagster_event for entry in instance.all_logs(run_id, of_type=kind) if entry.dagster_event is not None]
        for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE)
    )
    of_the_run = [line for event in ends for line in (event.message or "").strip().splitlines()]
    return (lines_of_failed_step(steps) or of_the_run or [UNKNOWN])[:lines]
