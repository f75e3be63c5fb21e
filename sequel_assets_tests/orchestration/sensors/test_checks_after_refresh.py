"""The checks follow every refresh, once nothing more is stored."""

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import create_run_for_test

from sequel_assets import settings
from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.sensors.checks_after_refresh import (
    Position,
    checks_after_refresh_sensor,
    decide,
)
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import NOW
from sequel_assets_tests.support.stage import Stage


@pytest.mark.parametrize(
    ("position", "stored", "is_busy", "after", "is_requested"),
    [
        (Position(), "", False, Position(), False),
        (Position(), "one", False, Position("one"), False),
        (Position("one"), "one", False, Position("one", "one"), True),
        (Position("one"), "one", True, Position("one"), False),
        (Position("one"), "two", False, Position("two"), False),
        (Position("one", "one"), "one", False, Position("one", "one"), False),
        (Position("two", "one"), "two", False, Position("two", "two"), True),
    ],
    ids=[
        "nothing stored",
        "something new",
        "it stayed",
        "a run is under way",
        "a backfill goes on",
        "checked already",
        "a later refresh",
    ],
)
def test_checks_are_requested_for_what_is_new_and_stayed_the_same_for_a_tick(
    position: Position, stored: str, is_busy: bool, after: Position, is_requested: bool
) -> None:
    found, why_not = decide(position, stored, is_busy=is_busy)
    assert (found, why_not == "") == (after, is_requested)


@pytest.mark.parametrize("cursor", [None, "", "{", "[]", '{"seen": 1, "more": 2}'])
def test_a_cursor_that_cannot_be_read_counts_as_none(cursor: str | None) -> None:
    assert Position.of(cursor) == Position()
    assert Position.of(str(Position("a", "b"))) == Position("a", "b")


@pytest.mark.slow
@ON_REFRESHED
@pytest.mark.parametrize("job", ["__ASSET_JOB", "refresh_slices", "refresh_hour"])
def test_no_checks_run_beside_a_refresh_unless_its_process_is_lost(stage: Stage, job: str) -> None:
    """A run that is said to be under way longer than it may be holds back nothing, even before run monitoring ends it."""
    sensor = checks_after_refresh_sensor(settings.load(now=NOW))
    run = create_run_for_test(stage.instance, job, status=dg.DagsterRunStatus.STARTED)
    cursor = stage.sense(sensor).cursor
    assert stage.sense(sensor, cursor).skip_message == "a refresh is under way; the checks follow it"
    stage.instance.add_run_tags(run.run_id, {run_tags.MAX_RUNTIME: "0"})
    assert len(stage.sense(sensor, stage.sense(sensor).cursor).run_requests) == 1


@pytest.mark.slow
@ON_REFRESHED
def test_after_a_refresh_the_checks_are_run_once_and_again_after_the_next(stage: Stage) -> None:
    """Also after one that a command stored without a run; never beside a run of the UI that is under way."""
    sensor = checks_after_refresh_sensor(settings.load(now=NOW))

    def tick(cursor: str | None) -> tuple[str | None, int, str]:
        found = stage.sense(sensor, cursor)
        return found.cursor, len(found.run_requests), found.skip_message or ""

    cursor, *told = tick(None)
    assert told == [0, "something was refreshed; the checks follow at the next tick if no more follows"]
    cursor, *told = tick(cursor)
    assert told == [1, ""]
    cursor, *told = tick(cursor)
    assert told == [0, "nothing was refreshed since the last checks"]
    with stage.warehouse.write() as connection:
        connection.execute(sa.delete(refreshes).where(refreshes.c.dataset == "funnel"))
    cursor, *told = tick(cursor)
    assert told[0] == 0
    run = create_run_for_test(stage.instance, "__ASSET_JOB", status=dg.DagsterRunStatus.STARTED)
    cursor, *told = tick(cursor)
    assert told == [0, "a refresh is under way; the checks follow it"]
    stage.instance.delete_run(run.run_id)
    assert tick(cursor)[1] == 1
