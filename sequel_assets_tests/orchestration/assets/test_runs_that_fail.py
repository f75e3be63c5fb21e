"""Runs that are refused or stopped: one clear line each, and nothing that is good turns red."""

import threading

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets.orchestration.run_tags import FORCE
from sequel_assets.warehouse.tables.core import companies, event_participants
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, ROOT, THROUGH
from sequel_assets_tests.support.stage import Stage, why_failed

pytestmark = pytest.mark.slow


def test_a_reversed_range_fails_with_words(stage: Stage) -> None:
    """It would be a green run over nothing."""
    result = stage.refresh([ACME], DAYS[2], DAYS[0])
    assert not result.success
    assert why_failed(result) == "the range of partitions is empty: its ends are in reverse order; choose them again"


def test_a_partition_whose_company_nobody_knows_fails_with_words(stage: Stage) -> None:
    """Nothing is asked and nothing is written."""
    stage.instance.add_dynamic_partitions("company", ["nobody.00000000"])
    before = stage.sandbox.requests.count
    result = stage.run("refresh_slices", {"dagster/partition": f"nobody.00000000|{DAYS[0]}"})
    assert not result.success
    assert why_failed(result) == (
        "in no row of the table companies, so nothing was requested of them: nobody.00000000; "
        "materialize the asset companies first, or delete these partitions"
    )
    assert stage.sandbox.requests.count == before


@pytest.mark.scenario
def test_a_company_that_is_gone_is_not_asked_and_turns_nothing_red(stage: Stage) -> None:
    """Its partitions stay in Dagster, so every hourly range covers it."""
    with stage.warehouse.write() as connection:
        connection.execute(companies.update().where(companies.c.company_id == BOLT).values(gone_at=THROUGH))
    stage.sandbox.requests.clear()
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
    assert [request.path for request in stage.sandbox.requests if BOLT in request.path] == []
    assert stage.statuses("event_participants") == (stage.slice_keys([ROOT, ACME], DAYS), set())
    alone = stage.refresh([BOLT], DAYS[0], DAYS[0])
    assert why_failed(alone) == (
        f"gone at Sequel, so nothing was requested of them and their data stay: {stage.key(BOLT)}"
    )


@pytest.mark.scenario
@ON_REFRESHED
def test_what_is_kept_of_a_company_that_is_gone_stays_green_beside_one_that_fails(stage: Stage) -> None:
    """A run that fails turns red what it planned and did not log."""
    with stage.warehouse.write() as connection:
        connection.execute(companies.update().where(companies.c.company_id == BOLT).values(gone_at=THROUGH))
    stage.sandbox.faults.always("*e-acme/top-participants*", "wrong_minutes")
    assert not stage.refresh(stage.ordered, DAYS[0], DAYS[-1], mode=FORCE).success
    assert stage.statuses("event_participants")[1] == stage.slice_keys([ACME], DAYS)


def test_missing_settings_fail_a_run_in_one_clear_line_each(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """All missing names are said at once, with what they are."""
    for name in ("SEQUEL_CLIENT_ID", "SEQUEL_PERSON_KEY"):
        monkeypatch.delenv(name)
    result = stage.refresh([ACME], DAYS[0], DAYS[0])
    first, second = why_failed(result).splitlines()
    assert first.startswith("SEQUEL_CLIENT_ID: is not set. What it is: client id of your Sequel API credentials.")
    assert second.startswith("SEQUEL_PERSON_KEY: is not set. What it is: key of the hash")


def test_a_refused_sign_in_fails_the_run_in_one_clear_line(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """For slices and for the catalog alike."""
    monkeypatch.setenv("SEQUEL_CLIENT_ID", "somebody-else")
    for words in (why_failed(stage.refresh([ACME], DAYS[0], DAYS[0])), why_failed(stage.run("refresh_catalog"))):
        assert "refuses the client id and secret (401)" in words
        assert len(words.splitlines()) == 1


def test_a_run_that_is_ended_stops_at_the_next_slice(stage: Stage) -> None:
    """What Dagster's launcher does to a run that is terminated in the UI: SIGINT, here while Acme's day is asked for."""
    import os
    import signal

    stage.sandbox.faults.always("*e-bolt/top-participants*", "slow")
    asked = threading.Event()

    def on_request(request: object) -> None:
        if "e-bolt" in getattr(request, "path", "") and not asked.is_set():
            asked.set()
            os.kill(os.getpid(), signal.SIGINT)

    stage.sandbox.api.on_request = on_request
    result = stage.refresh(stage.ordered, DAYS[0], DAYS[-1])
    assert asked.is_set()
    assert not result.success
    run = stage.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("company-", "sequel_"))] == []
    with stage.warehouse.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(event_participants.c.company_id == BOLT)) == 0
    stage.sandbox.faults.clear()
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
