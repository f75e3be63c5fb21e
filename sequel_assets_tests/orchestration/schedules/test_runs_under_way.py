"""Which runs count as under way: those that wait, and those that can still be alive."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.runs.schema import RunsTable

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import Namespace
from sequel_assets.orchestration.schedules.schedules import hour_under_way


@pytest.mark.parametrize(("tag", "is_the_hours"), [(run_tags.ON, True), (run_tags.OLDER, False)])
def test_only_a_run_of_the_hour_that_can_still_be_alive_counts_as_under_way(tag: str, is_the_hours: bool) -> None:
    """One that a power cut has left behind as started does not, nor does one that makes good older days."""
    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(
            dg.GraphDefinition("j").to_job("refresh_hour"),
            status=dg.DagsterRunStatus.STARTED,
            tags={run_tags.HOURLY: tag, run_tags.MAX_RUNTIME: "3300"},
        )
        assert hour_under_way(instance, space=Namespace("emea")) is None
        assert hour_under_way(instance) == (run.run_id if is_the_hours else None)
        assert hour_under_way(instance, at=datetime.now(UTC) + timedelta(minutes=56)) is None


def test_a_run_that_waits_in_the_queue_counts_however_old_it_is() -> None:
    """A night without workers leaves one run of each bundle, and not one of each hour."""
    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(
            dg.GraphDefinition("j").to_job("refresh_hour"),
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "r").get_job_origin(
                "refresh_hour"
            ),
            tags={run_tags.HOURLY: run_tags.ON, run_tags.MAX_RUNTIME: "3300"},
        )
        assert hour_under_way(instance, at=datetime.now(UTC) + timedelta(hours=9)) == run.run_id


def test_a_run_that_has_just_left_the_queue_counts_although_it_waited_for_a_night() -> None:
    """It is about to do the work; asked for again it would be done twice."""
    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(
            dg.GraphDefinition("j").to_job("refresh_hour"),
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags={run_tags.HOURLY: run_tags.ON, run_tags.MAX_RUNTIME: "3300"},
        )
        evening = datetime.now(UTC) - timedelta(hours=9)
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            then = dict.fromkeys(("create_timestamp", "update_timestamp"), evening.replace(tzinfo=None))
            connection.execute(RunsTable.update().values(then))
        assert hour_under_way(instance) is None
        instance.report_dagster_event(
            DagsterEvent(dg.DagsterEventType.PIPELINE_STARTING.value, "refresh_hour"), run.run_id
        )
        assert hour_under_way(instance) == run.run_id
        assert hour_under_way(instance, at=datetime.now(UTC) + timedelta(minutes=56)) is None
