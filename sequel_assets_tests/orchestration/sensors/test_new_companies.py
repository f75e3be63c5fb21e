"""New companies: found, given a partition and their whole history, once each."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.test_utils import create_run_for_test

from sequel_assets import settings
from sequel_assets.orchestration.partitions import RANGE_END, RANGE_START
from sequel_assets.orchestration.run_tags import FIRST_REFRESH
from sequel_assets.orchestration.sensors import new_companies
from sequel_assets.orchestration.sensors.new_companies import Attempt, arrivals, new_companies_sensor
from sequel_assets.sandbox import Company
from sequel_assets.warehouse.stores.catalog import KnownCompany, present_companies
from sequel_assets.warehouse.tables.core import problems
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, NOW, ROOT
from sequel_assets_tests.support.stage import Stage
from sequel_assets_tests.support.suite.scale import scaled

pytestmark = pytest.mark.slow
LAST_HOUR, THIS_HOUR = "2026030314", "2026030315"


def known(company_id: str) -> KnownCompany:
    return KnownCompany(company_id, f"{company_id}.key", company_id, None, 1, None)


def test_who_is_new_is_a_pure_decision() -> None:
    """A partition for each company that has none, a first refresh for each that was never refreshed."""
    found = [known("a"), known("b"), known("c")]
    assert arrivals(found, ["a.key"], {"a"}, {}, THIS_HOUR) == (["b.key", "c.key"], ["b.key", "c.key"])
    assert arrivals(found, ["a.key", "b.key", "c.key"], {"a", "b"}, {}, THIS_HOUR) == ([], ["c.key"])


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
        _, first_refreshes = arrivals([known("a")], ["a.key"], {"a"} if is_refreshed else set(), tried, THIS_HOUR)
        assert first_refreshes == (["a.key"] if is_due else [])


@pytest.mark.campaign
def test_thousands_of_companies_come_a_hundred_at_a_time_each_once() -> None:
    """The queue holds no more than that; those that fail wait until all others have been tried, and block nobody."""
    found = [known(f"c{n:05}") for n in range(scaled(2_000, 10_000))]
    failing = {company.partition_key for company in found[:150]}
    keys = [company.partition_key for company in found]
    refreshed: set[str] = set()
    tried: dict[str, Attempt] = {}
    asked: list[str] = []
    for tick in range(len(found) // 100 + 2):
        hour = f"{NOW + timedelta(minutes=10 * tick):%Y%m%d%H}"
        new_partitions, first_refreshes = arrivals(found, keys, refreshed, tried, hour)
        assert new_partitions == []
        tried |= {key: Attempt(dg.DagsterRunStatus.QUEUED, hour) for key in first_refreshes}
        asked += first_refreshes
        assert sum(attempt.state == dg.DagsterRunStatus.QUEUED for attempt in tried.values()) <= 100
        assert arrivals(found, keys, refreshed, tried, hour) == ([], [])
        for key in first_refreshes:
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
    assert dict(request.tags) == {
        RANGE_START: f"{key}|{DAYS[0]}",
        RANGE_END: f"{key}|{DAYS[-1]}",
        "companies": key,
        "days": f"{DAYS[0]} to {DAYS[-1]}",
        FIRST_REFRESH: "true",
        "dagster/sensor_name": "new_companies",
    }


def test_first_refreshes_are_limited_whichever_instance_requests_them() -> None:
    """By a tag of the platform's own: the sensor of a second instance has another name."""
    for file in ("dagster.yaml", "deploy/dagster.yaml"):
        runs = yaml.safe_load((PROJECT / file).read_text())["concurrency"]["runs"]
        assert {"key": FIRST_REFRESH, "limit": 2} in runs["tag_concurrency_limits"], file


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


@pytest.mark.scenario
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
