"""A Sequel that forgets, as Dagster sees it: what runs ask for, what stays uncoloured, what a tick and a sensor request."""

from datetime import timedelta

import pytest

from sequel_assets import settings
from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.partitions import RANGE_START
from sequel_assets.orchestration.schedules.hourly_due import due_days
from sequel_assets.orchestration.sensors.new_companies import new_companies_sensor
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Company
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, NOW, ROOT
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.slow


@pytest.fixture
def forgetful(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage whose Sequel keeps a day: 1 March is frozen on the third."""
    monkeypatch.setenv("SEQUEL_LATE_WINDOW_HOURS", "0")
    monkeypatch.setenv("SEQUEL_RETENTION_DAYS", "1")
    return stage


def requested_days(stage: Stage, before: int) -> set[str]:
    """Return the first day of every question for participants."""
    asked = [request for request in list(stage.sandbox.requests)[before:] if "top-participants" in request.path]
    return {part.split("=")[1] for one in asked for part in one.query.split("&") if part.startswith("startDate")}


@pytest.mark.scenario
@pytest.mark.parametrize("mode", ["", run_tags.FORCE, run_tags.ACCEPT, run_tags.HOURLY])
def test_no_mode_of_a_run_asks_for_a_frozen_day(forgetful: Stage, mode: str) -> None:
    """Its partition keeps no colour, and the run is a success."""
    before = forgetful.sandbox.requests.count
    assert forgetful.refresh(forgetful.ordered, DAYS[0], DAYS[-1], mode=mode).success
    days = requested_days(forgetful, before)
    assert days
    assert DAYS[0].isoformat() not in days
    good, bad = forgetful.statuses("daily_usage")
    assert good == forgetful.slice_keys([ROOT, ACME, BOLT], DAYS[2:] if mode == run_tags.HOURLY else DAYS[1:])
    assert bad == set()


@ON_REFRESHED
def test_a_frozen_day_that_was_known_is_kept_as_it_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its slices stay green, and nothing about it is late or behind."""
    monkeypatch.setenv("SEQUEL_LATE_WINDOW_HOURS", "0")
    monkeypatch.setenv("SEQUEL_RETENTION_DAYS", "1")
    before = stage.sandbox.requests.count
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1], mode=run_tags.FORCE).success
    assert DAYS[0].isoformat() not in requested_days(stage, before)
    assert stage.statuses("lifetime_usage") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS), set())
    checks = stage.run("run_checks").get_asset_check_evaluations()
    assert {one.check_name for one in checks} >= {"fresh_by_the_hour", "derived_from_current_facts", "control_totals"}
    assert [(one.asset_key, one.check_name, one.description) for one in checks if not one.passed] == []


@pytest.mark.scenario
def test_an_unknown_company_of_the_setting_is_warned_of_in_the_run(
    forgetful: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on; its log names the company."""
    monkeypatch.setenv("SEQUEL_COMPANY_RETENTION_DAYS", '{"blot": 30}')
    result = forgetful.refresh(forgetful.ordered, DAYS[0], DAYS[-1])
    assert result.success
    said = [entry.user_message for entry in forgetful.instance.all_logs(result.run_id)]
    assert "SEQUEL_COMPANY_RETENTION_DAYS names blot: no company has this id or partition key" in said
    assert any(
        "6 company days requested, the range has 9, 3 frozen (Sequel has forgotten them)" in line for line in said
    )


@pytest.mark.scenario
def test_a_tick_does_not_reach_back_to_frozen_days(forgetful: Stage) -> None:
    """Some days off: what is owed begins with the first day that Sequel holds."""
    assert forgetful.refresh(forgetful.ordered, DAYS[0], DAYS[-1]).success
    later, key = NOW + timedelta(days=5), forgetful.key(ACME)
    owed = [due_days(settings.load(retention_days=kept), later)[key] for kept in (30, 2)]
    assert owed == [days_between(DAYS[-1], later.date()), days_between(later.date() - timedelta(days=2), later.date())]


def test_a_new_company_is_asked_for_the_days_that_sequel_holds(forgetful: Stage) -> None:
    """Its first refresh begins there."""
    forgetful.sandbox.world.add_company(Company("newcomer", "Newcomer Ltd", parent_id=ROOT))
    requests = forgetful.sense(new_companies_sensor(settings.load())).run_requests or []
    assert len(requests) == 4
    assert {request.tags[RANGE_START].rpartition("|")[2] for request in requests} == {"2026-03-02"}
