"""The hour as Dagster sees it: what a tick asks for, what its run does, when the light turns red."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.assets.slice_selection import choose
from sequel_assets.orchestration.reporting.specs import lineage
from sequel_assets.orchestration.schedules.hourly_plan import Work
from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, LISTS, SLICED
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.warehouse.tables.core import problems, refreshes
from sequel_assets_tests.campaigns.soak import night
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, NOW, ROOT
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.slow


@pytest.mark.scenario
@ON_REFRESHED
def test_a_replay_window_that_has_closed_is_asked_about_by_the_hour_beyond_its_range(stage: Stage) -> None:
    """Were the day in the range, Dagster would plan a month of slices; as it is, only what has changed is logged."""
    with stage.warehouse.write() as connection:
        connection.execute(refreshes.update().values(is_final=True))
    later = NOW + timedelta(days=31)  # 3 April: the windows of 1, 2 and 3 March have closed
    with stage.warehouse.read() as connection:
        asked = [
            choose(connection, {ACME: [later.date()]}, {run_tags.HOURLY: mode}, settings.load(now=later)).requested[
                ACME
            ]
            for mode in (run_tags.ON, run_tags.OLDER)
        ]
    today = {later.date(): DayCoverage.ACTIVE}
    assert asked == [dict.fromkeys(DAYS, DayCoverage.EVENT_DETAILS) | today, today]


def test_an_hourly_run_asks_for_what_is_due_and_for_nothing_else(stage: Stage) -> None:
    """The days before are whole already: the run covers them, asks for today, and leaves their colours alone."""
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[1]).success
    before = stage.sandbox.requests.count
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1], mode=run_tags.HOURLY).success
    asked = [request for request in list(stage.sandbox.requests)[before:] if "top-participants" in request.path]
    assert asked
    stored = DAYS[
        1
    ].isoformat()  # a range still includes its last day: one request of it, unless an answer of today says so first
    assert {day for request in asked for day in _days_of(request)} - {stored} == {DAYS[-1].isoformat()}
    assert sum(stored in _days_of(request) for request in asked) <= 1
    assert stage.statuses("daily_usage") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS), set())
    again = stage.sandbox.requests.count
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1], mode=run_tags.HOURLY).success
    assert stage.sandbox.requests.count == again


def test_a_partition_that_is_no_companys_holds_up_nobody(stage: Stage) -> None:
    """Somebody added it in the UI, or its company vanished between the tick and the run: the hour leaves it out, with words."""
    keys = [*map(stage.key, stage.ordered), "nobody.00000000"]
    work = Work(tuple(keys), (DAYS[-1],))
    result = stage.run(
        "refresh_hour", work.tags(), run_config={"ops": {"refresh_what_is_due": {"config": work.config()}}}
    )
    assert result.success
    assert stage.statuses("daily_usage") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS[-1:]), set())
    said = [entry.user_message for entry in stage.instance.all_logs(result.run_id)]
    assert (
        "in no row of the table companies, so nothing was requested of them, and the others were refreshed: nobody.00000000"
    ) in said


@pytest.mark.scenario
def test_a_dataset_that_failed_on_the_very_first_day_is_late_and_made_good_by_the_hour(stage: Stage) -> None:
    """Nothing of it was ever there, which is no reason to count it from the day after."""
    stage.sandbox.faults.always("*e-acme/user-activity*", "http_500")
    assert not stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
    stage.sandbox.faults.clear()
    assert stage.statuses("event_activity")[1] == stage.slice_keys([ACME], DAYS[:1])
    passed, words = _freshness(stage)["event_activity"]
    assert not passed
    assert f"{stage.key(ACME)} {DAYS[0]}: should have closed at" in words
    (request,) = stage.tick("hourly_refresh", NOW.replace(minute=5)).run_requests
    assert request.run_config["ops"]["refresh_what_is_due"]["config"] == {
        "companies": [stage.key(ACME)],
        "days": [DAYS[0].isoformat()],
    }
    assert stage.run("refresh_hour", request.tags, run_config=request.run_config).success
    assert stage.statuses("event_activity") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS), set())
    assert _freshness(stage)["event_activity"][0]


def _days_of(request: Any) -> set[str]:
    pairs = dict(part.split("=", 1) for part in request.query.split("&"))
    return {pairs["startDate"], pairs["endDate"]}


@pytest.mark.scenario
@ON_REFRESHED
def test_a_second_backfill_within_the_hour_asks_sequel_for_nothing_and_force_does(stage: Stage) -> None:
    """What is wholly asked this hour cannot have changed; its owner may insist."""
    before = stage.sandbox.requests.count
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
    assert stage.sandbox.requests.count == before
    assert stage.latest("event_participants", ACME, DAYS[0])["status"] == "unchanged"
    assert stage.refresh([ACME], DAYS[0], DAYS[-1], mode=run_tags.FORCE).success
    assert stage.sandbox.requests.count > before


@ON_REFRESHED
def test_freshness_is_green_after_a_refresh_and_red_by_itself_when_hours_go_by(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run fails, nothing happens at all, and the check names who is late and by how much."""
    assert {name for name, passed in _freshness(stage).items() if passed[0]} == set(_freshness(stage))
    monkeypatch.setenv("SEQUEL_NOW", "2026-03-03T18:40:00Z")
    told = _freshness(stage)
    assert {name for name, (passed, _) in told.items() if passed} == AT_CLOSE_NAMES  # they owe nothing of an open day
    words = told["daily_usage"][1].splitlines()
    assert words[0] == "3 slices are late:"
    assert f"{stage.key(ACME)} 2026-03-03: owes 2026-03-03 18:00, covers 2026-03-03 15:00, 3 hours behind" in words


def _freshness(stage: Stage) -> dict[str, tuple[bool, str]]:
    result = stage.run("run_checks")
    assert result.success
    return {
        event.asset_key.to_user_string(): (event.passed, event.description or "")
        for event in result.get_asset_check_evaluations()
        if event.check_name == "fresh_by_the_hour"
    }


@pytest.mark.scenario
@ON_REFRESHED
def test_a_day_with_a_standing_problem_is_asked_again_within_the_hour(stage: Stage) -> None:
    """It had been wholly asked, a forced refresh of it failed; the next ordinary one does not take it for done."""
    stage.sandbox.faults.always("*e-acme/top-participants*", "wrong_minutes")
    assert not stage.refresh([ACME], DAYS[0], DAYS[-1], mode=run_tags.FORCE).success
    stage.sandbox.faults.clear()
    before = stage.sandbox.requests.count
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
    asked = {request.path for request in list(stage.sandbox.requests)[before:] if "top-participants" in request.path}
    assert asked
    assert all("e-acme" in path for path in asked)
    with stage.warehouse.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(problems)) == 0


def _descendants(name: str) -> set[str]:
    """Return what is derived from a dataset, directly or not."""
    found = {dataset.name for dataset in SLICED if name in lineage(dataset)}
    return found.union(*map(_descendants, found))


def materializations(stage: Stage, result: Any) -> set[tuple[str, str]]:
    """Return what a run logged: asset and partition."""
    logged = stage.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [entry.dagster_event for entry in logged if entry.dagster_event]
    return {(event.asset_key.to_user_string(), str(event.partition)) for event in events if event.asset_key}


@ON_REFRESHED
def test_an_hour_logs_what_changed_and_what_depends_on_it_and_nothing_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three companies are asked; in one of them somebody watches a replay. The roll-ups over it follow."""
    later = NOW + timedelta(hours=1)
    bolt, root = stage.key(BOLT), stage.key(ROOT)
    stage.move(monkeypatch, later)
    (quiet,) = stage.hour(later)
    assert quiet.success
    # the sandbox says of each registrant of an event of today that they were updated
    read = {"event_activity", "event_statistics", "person_engagement", "funnel"}
    assert materializations(stage, quiet) == {(name, f"{bolt}|{DAYS[-1]}") for name in read}
    before = {name: stage.statuses(name) for name in ("event_participants", "daily_usage", "lifetime_usage")}
    later += timedelta(hours=1)
    stage.move(monkeypatch, later)
    night.add_latecomer(stage.sandbox.world, "e-bolt", NOW + timedelta(minutes=10))
    (busy,) = stage.hour(later)
    assert busy.success
    logged = materializations(stage, busy)
    assert {name for name, slice_ in logged if slice_ == f"{root}|{DAYS[-1]}"} == {"company_rollup"}
    theirs = {name for name, slice_ in logged if slice_ == f"{bolt}|{DAYS[-1]}"}
    facts = {"event_participants", "event_concurrency"}
    assert theirs == facts.union(read, *map(_descendants, facts))
    assert len(logged) == 1 + len(theirs)
    assert {name: stage.statuses(name) for name in before} == before


@ON_REFRESHED
def test_a_slice_that_fails_in_an_hour_turns_red_and_no_other_does_until_it_is_good_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is planned by itself before its run fails; the next hour logs it although its rows are what they were."""
    later = NOW + timedelta(hours=1)
    stage.move(monkeypatch, later)
    everything = stage.slice_keys([ROOT, ACME, BOLT], DAYS)
    stage.sandbox.faults.always("*e-acme/top-participants*", "wrong_minutes")
    (failed,) = stage.hour(later)
    assert not failed.success
    red = stage.slice_keys([ACME], DAYS[-1:])
    assert stage.statuses("event_participants") == (everything, red)  # red goes before green where both are so
    assert stage.statuses("event_activity") == (everything, set())
    stage.sandbox.faults.clear()
    (well,) = stage.hour(later)
    assert well.success
    assert stage.statuses("event_participants") == (everything, set())


def test_an_hour_names_a_company_of_the_settings_that_does_not_exist(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every run does: a misspelt one would keep its days for ever."""
    monkeypatch.setenv("SEQUEL_COMPANY_RETENTION_DAYS", '{"blot": 30}')
    (result,) = stage.hour(NOW)
    assert result.success
    said = [entry.user_message for entry in stage.instance.all_logs(result.run_id)]
    assert "SEQUEL_COMPANY_RETENTION_DAYS names blot: no company has this id or partition key" in said


@ON_REFRESHED
def test_the_hour_that_closes_a_day_logs_the_lists_that_have_no_day(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who registered comes with the slices: once a day its page is of now, and an hour of an open day does not log it."""
    lists = {dataset.name for dataset in LISTS}
    found = []
    for later in (NOW + timedelta(hours=1), NOW.replace(hour=0) + timedelta(days=1)):
        stage.move(monkeypatch, later)
        (result,) = stage.hour(later)
        assert result.success
        found.append({name for name, _ in materializations(stage, result)} & lists)
    assert found == [set(), lists]
