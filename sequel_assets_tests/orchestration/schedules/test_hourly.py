"""The hour as Dagster sees it: what a tick asks for, what its run does, when the light turns red."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import create_run_for_test

from sequel_assets import settings
from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.assets.slice_selection import choose
from sequel_assets.orchestration.partitions import RANGE_END, RANGE_START
from sequel_assets.orchestration.sensors import new_companies
from sequel_assets.orchestration.sensors.new_companies import Attempt, NewCompanies, arrivals, new_companies_sensor
from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.sandbox import Company
from sequel_assets.warehouse.stores.catalog import KnownCompany, present_companies
from sequel_assets.warehouse.tables.core import problems, refreshes
from sequel_assets_tests.support.stage import ACME, BOLT, DAYS, NOW, ON_REFRESHED, ROOT, Stage

pytestmark = pytest.mark.slow

ALL = {run_tags.HOURLY: run_tags.ON, **run_tags.URGENT}
LAST_HOUR, THIS_HOUR = "2026030314", "2026030315"


def known(company_id: str) -> KnownCompany:
    return KnownCompany(company_id, f"{company_id}.key", company_id, None, 1, None)


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
    assert {day for request in asked for day in _days_of(request)} == {DAYS[-1].isoformat()}
    assert stage.statuses("daily_usage") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS), set())
    again = stage.sandbox.requests.count
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1], mode=run_tags.HOURLY).success
    assert stage.sandbox.requests.count == again


def test_a_partition_that_is_no_companys_holds_up_nobody(stage: Stage) -> None:
    """Somebody added it in the UI, or the warehouse was rebuilt after its company had gone: the hour leaves it out, with words."""
    stage.instance.add_dynamic_partitions("company", ["nobody.00000000"])
    first, last = (f"{key}|{DAYS[-1]}" for key in (stage.key(stage.ordered[0]), "nobody.00000000"))
    result = stage.run("refresh_slices", {RANGE_START: first, RANGE_END: last, **ALL})
    assert result.success
    assert stage.statuses("daily_usage") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS[-1:]), set())
    said = [entry.user_message for entry in stage.instance.all_logs(result.run_id)]
    assert (
        "in no row of the table companies, so nothing was asked of them: nobody.00000000; "
        "materialize the asset companies first, or delete these partitions"
    ) in said


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
    assert request.tags[RANGE_START] == f"{stage.key(ACME)}|{DAYS[0]}"
    assert stage.run("refresh_slices", request.tags).success
    assert stage.statuses("event_activity") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS), set())
    assert _freshness(stage)["event_activity"][0]


def _days_of(request: Any) -> set[str]:
    pairs = dict(part.split("=", 1) for part in request.query.split("&"))
    return {pairs["startDate"], pairs["endDate"]}


@ON_REFRESHED
def test_a_second_backfill_within_the_hour_asks_sequel_for_nothing_and_force_does(stage: Stage) -> None:
    """What is wholly asked this hour cannot have changed; its owner may insist."""
    before = stage.sandbox.requests.count
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
    assert stage.sandbox.requests.count == before
    assert stage.latest("event_participants", ACME, DAYS[0])["verdict"] == "unchanged"
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


def test_who_is_new_is_a_pure_decision() -> None:
    """A partition for each company that has none, a first refresh for each that was never refreshed."""
    found = [known("a"), known("b"), known("c")]
    assert arrivals(found, ["a.key"], {"a"}, {}, THIS_HOUR) == NewCompanies(("b.key", "c.key"), ("b.key", "c.key"))
    assert arrivals(found, ["a.key", "b.key", "c.key"], {"a", "b"}, {}, THIS_HOUR) == NewCompanies((), ("c.key",))


@pytest.mark.parametrize(
    ("state", "is_refreshed", "is_asked"),
    [
        (dg.DagsterRunStatus.FAILURE, False, True),
        (dg.DagsterRunStatus.FAILURE, True, True),
        (dg.DagsterRunStatus.CANCELED, False, True),
        (dg.DagsterRunStatus.CANCELED, True, False),
        (dg.DagsterRunStatus.SUCCESS, True, False),
        (dg.DagsterRunStatus.QUEUED, False, False),
        (dg.DagsterRunStatus.STARTED, False, False),
        (dg.DagsterRunStatus.STARTED, True, False),
    ],
)
def test_a_first_refresh_that_failed_comes_again_and_never_beside_one_under_way(
    state: dg.DagsterRunStatus, is_refreshed: bool, is_asked: bool
) -> None:
    """Also where the hour's run has refreshed today meanwhile: the days before are still undone."""
    for hour, is_due in ((LAST_HOUR, is_asked), (THIS_HOUR, False)):  # of this hour, Dagster has it already
        tried = {"a.key": Attempt(state, hour)}
        decided = arrivals([known("a")], ["a.key"], {"a"} if is_refreshed else set(), tried, THIS_HOUR)
        assert decided.first_refreshes == (("a.key",) if is_due else ())


def test_ten_thousand_companies_come_a_hundred_at_a_time_each_once() -> None:
    """The queue holds no more than that; those that fail wait until all others have been tried, and block nobody."""
    found = [known(f"c{n:05}") for n in range(10_000)]
    failing = {company.partition_key for company in found[:150]}
    keys = [company.partition_key for company in found]
    refreshed: set[str] = set()
    tried: dict[str, Attempt] = {}
    asked: list[str] = []
    for tick in range(102):
        hour = f"{NOW + timedelta(minutes=10 * tick):%Y%m%d%H}"
        decided = arrivals(found, keys, refreshed, tried, hour)
        assert decided.new_partitions == ()
        tried |= {key: Attempt(dg.DagsterRunStatus.QUEUED, hour) for key in decided.first_refreshes}
        asked += decided.first_refreshes
        assert sum(attempt.state == dg.DagsterRunStatus.QUEUED for attempt in tried.values()) <= 100
        assert arrivals(found, keys, refreshed, tried, hour).first_refreshes == ()
        for key in decided.first_refreshes:
            state = dg.DagsterRunStatus.FAILURE if key in failing else dg.DagsterRunStatus.SUCCESS
            tried[key] = Attempt(state, hour)
            refreshed |= set() if key in failing else {key.removesuffix(".key")}
    assert asked == [*keys, *sorted(failing)]


def test_what_is_under_way_is_known_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs are read, a page at a time; of each company the latest counts."""
    monkeypatch.setattr(new_companies, "RUNS_AT_ONCE", 7)
    with dg.instance_for_test() as instance:
        for hour, state in (("2026030314", "FAILURE"), ("2026030315", "STARTED")):
            for n in range(20):
                tags = {"dagster/sensor_name": "new_companies", RANGE_START: f"c{n}.key|2026-01-01"}
                tags["dagster/run_key"] = f"first-c{n}.key-{hour}"
                create_run_for_test(instance, status=dg.DagsterRunStatus(state), tags=tags)
        assert new_companies.attempts_in(instance) == {
            f"c{n}.key": Attempt(dg.DagsterRunStatus.STARTED, "2026030315") for n in range(20)
        }


@pytest.fixture
def sensor(stage: Stage) -> Any:
    """Evaluates the sensor on the stage's instance."""
    made = new_companies_sensor(settings.load())
    return lambda: stage.sense(made)


@ON_REFRESHED
def test_a_new_company_appears_with_its_first_refresh_requested(stage: Stage, sensor: Any) -> None:
    """Its partition is added in the same tick, its run covers the whole history; then nobody is new."""
    assert sensor().skip_message == "3 companies, none of them new"
    stage.sandbox.world.add_company(Company("newcomer", "Newcomer Ltd", parent_id=ROOT))
    ticked = sensor()
    (added,) = ticked.dynamic_partitions_requests
    (key,) = added.partition_keys
    assert key.startswith("newcomer-ltd.")
    (request,) = ticked.run_requests
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (f"{key}|{DAYS[0]}", f"{key}|{DAYS[-1]}")


@ON_REFRESHED
@pytest.mark.parametrize(
    ("path", "fault", "named"), [("/api/v1/company/bolt", "http_403", BOLT), ("*/company/acme*/list", "http_500", ACME)]
)
def test_one_company_that_fails_hides_no_new_one(stage: Stage, sensor: Any, path: str, fault: str, named: str) -> None:
    """Neither from the sensor nor from the hour's catalog; the one that fails stays and is named."""
    stage.sandbox.world.move_company(BOLT, "somebody else")
    stage.sandbox.world.add_company(Company("newcomer", "Newcomer Ltd", parent_id=ROOT))
    stage.sandbox.faults.always(path, fault)
    ticked = sensor()
    assert [request.tags[RANGE_START].partition(".")[0] for request in ticked.run_requests] == ["newcomer-ltd"]
    assert stage.run("refresh_catalog").success
    with stage.warehouse.read() as connection:
        assert {one.company_id for one in present_companies(connection)} == {ROOT, ACME, BOLT, "newcomer"}
        assert connection.execute(sa.select(problems.c.company_id, problems.c.dataset)).all() == [(named, "companies")]


def test_a_first_refresh_that_failed_is_asked_for_once_an_hour_until_it_succeeds(
    stage: Stage, sensor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run key holds the hour; the run that failed is known by the sensor's name and its range."""
    key, of_the_sensor = stage.key(ACME), {"dagster/sensor_name": "new_companies"}
    assert all(stage.refresh([company], DAYS[0], DAYS[-1]).success for company in (ROOT, BOLT))
    (request,) = sensor().run_requests
    assert request.run_key == f"first-{key}-2026030315"
    stage.sandbox.faults.always("*e-acme/top-participants*", "http_404")
    of_the_first = {**request.tags, **of_the_sensor, "dagster/run_key": request.run_key}
    assert not stage.run("refresh_slices", of_the_first).success
    stage.sandbox.faults.clear()
    assert stage.refresh([ACME], DAYS[-1], DAYS[-1]).success
    assert sensor().skip_message == "3 companies, none of them new"
    monkeypatch.setenv("SEQUEL_NOW", "2026-03-03T16:07:00Z")
    (again,) = stage.sense(new_companies_sensor(settings.load())).run_requests
    assert (again.run_key, again.tags[RANGE_START]) == (f"first-{key}-2026030316", request.tags[RANGE_START])
    assert stage.run("refresh_slices", {**again.tags, **of_the_sensor}).success
    assert sensor().skip_message == "3 companies, none of them new"


def test_a_sequel_that_does_not_answer_is_a_skip_with_words(stage: Stage, sensor: Any) -> None:
    """The sensor never fails; the next walk makes it good."""
    stage.sandbox.faults.always("/api/v1/company/*", "http_404")
    assert "404" in sensor().skip_message


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
