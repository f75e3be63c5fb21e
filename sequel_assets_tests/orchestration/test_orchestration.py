"""Partitions, schedules and checks."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.insights import INSIGHTS
from sequel_assets.orchestration.checks.availability import MAY_LACK
from sequel_assets.orchestration.checks.freshness import CLOSED
from sequel_assets.orchestration.checks.integrity import clock_check
from sequel_assets.orchestration.partitions import days_by_company, slice_key, slice_partitions
from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED
from sequel_assets.sandbox import Clock
from sequel_assets.warehouse.tables.core import event_participants, refreshes
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, ROOT
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.slow

TICK = datetime(2026, 3, 3, 15, 5, tzinfo=UTC)


def tick(stage: Stage, name: str = "hourly_refresh", at: datetime = TICK) -> Any:
    """What a schedule asks for at a moment."""
    return stage.tick(name, at)


def check_results(stage: Stage) -> dict[tuple[str, str], tuple[bool, str]]:
    """Run the checks' job; what each says."""
    result = stage.run("run_checks")
    assert result.success
    return {
        (event.asset_key.to_user_string(), event.check_name): (event.passed, event.description or "")
        for event in result.get_asset_check_evaluations()
    }


def test_the_hourly_tick_asks_for_one_run_over_every_company_and_today(stage: Stage) -> None:
    """In Dagster's order; its run turns it green."""
    (request,) = tick(stage).run_requests
    assert request.run_key.startswith("hour-2026030315-")
    keys = [stage.key(company) for company in stage.ordered]
    assert request.run_config == {
        "ops": {"refresh_what_is_due": {"config": {"companies": keys, "days": ["2026-03-03"]}}}
    }
    assert stage.run("refresh_hour", request.tags, run_config=request.run_config).success
    assert stage.statuses("daily_usage") == (stage.slice_keys([ROOT, ACME, BOLT], DAYS[2:]), set())


def test_the_hourly_tick_of_a_pinned_clock_asks_for_the_pinned_day(stage: Stage) -> None:
    """The machine's today is no partition then."""
    (request,) = tick(stage, at=datetime(2026, 11, 23, 9, 5, tzinfo=UTC)).run_requests
    assert request.run_config["ops"]["refresh_what_is_due"]["config"]["days"] == ["2026-03-03"]


def test_the_hourly_tick_says_why_it_skips_without_companies(stage: Stage) -> None:
    """Nothing can be refreshed before the catalog was."""
    for key in stage.instance.get_dynamic_partitions("company"):
        stage.instance.delete_dynamic_partition("company", key)
    data = tick(stage)
    assert data.run_requests == []
    assert data.skip_message == "no company is known yet; the sensor new_companies finds them"


def test_the_schedules_run_in_utc_and_are_on(stage: Stage) -> None:
    """The catalog at the top of the hour, slices once Sequel has settled, then the checks."""
    told = {
        name: (schedule.cron_schedule, schedule.execution_timezone, schedule.default_status.value)
        for name, schedule in stage.schedules.items()
    }
    assert told == {
        "hourly_catalog": ("0 * * * *", "UTC", "RUNNING"),
        "hourly_refresh": ("5 * * * *", "UTC", "RUNNING"),
        "hourly_checks": ("35 * * * *", "UTC", "RUNNING"),
    }


@pytest.mark.parametrize(
    ("now", "start", "first", "last", "days"),
    [
        ("2026-03-03T15:07:00Z", "2026-03-01", "2026-03-01", "2026-03-03", 3),
        ("2026-03-03T00:00:00Z", "2026-03-03", "2026-03-03", "2026-03-03", 1),
        ("2199-12-31T23:59:59Z", "2199-12-01", "2199-12-01", "2199-12-31", 31),
        ("2024-02-29T12:00:00+14:00", "2024-02-01", "2024-02-01", "2024-02-28", 28),
    ],
)
def test_days_end_at_the_pinned_day(now: str, start: str, first: str, last: str, days: int) -> None:
    """In the past and in the future, whatever the machine's date; the day is the UTC one."""
    partitions = slice_partitions(settings.load(now=now, start_date=start))
    (by_day,) = [d.partitions_def for d in partitions.partitions_defs if d.name == "day"]
    keys = by_day.get_partition_keys()
    assert (keys[0], keys[-1], len(keys)) == (first, last, days)


def test_days_end_today_when_the_clock_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Today is a partition; tomorrow is none."""
    monkeypatch.delenv("SEQUEL_NOW", raising=False)
    partitions = slice_partitions(settings.load(start_date="2026-01-01"))
    (by_day,) = [d.partitions_def for d in partitions.partitions_defs if d.name == "day"]
    before = datetime.now(UTC).date()
    last = date.fromisoformat(by_day.get_last_partition_key())
    assert before <= last <= datetime.now(UTC).date()


def test_days_by_company_reads_keys_back() -> None:
    """A slice's key is company, bar, day."""
    assert str(slice_key("acme.1", DAYS[0])) == "acme.1|2026-03-01"
    keys = ["acme.1|2026-03-01", "other|2026-03-03", "acme.1|2026-03-02"]
    assert days_by_company(keys) == {"acme.1": DAYS[:2], "other": DAYS[2:]}


@pytest.mark.scenario
@ON_REFRESHED
def test_checks_pass_over_a_right_warehouse(stage: Stage) -> None:
    """Every asset check of the project, run by its job."""
    behind = "derived_from_current_facts"
    right = (True, "All slices are derived from the facts as they are.")
    through = "Every company is through 2026-03-03 14:00 UTC."
    assert check_results(stage) == {
        ("event_participants", "control_totals"): (True, "All slices add up to their control totals."),
        ("event_activity", "complete"): (True, "All events have as many entries as Sequel counts."),
    } | {
        (dataset.name, "available"): (True, "Sequel returns it for every company that was requested.")
        for dataset in MAY_LACK
    } | {(insight.name, behind): right for insight in INSIGHTS} | {
        (dataset.name, "fresh_by_the_hour"): (True, CLOSED if dataset.name in AT_CLOSE_NAMES else through)
        for dataset in SLICED
    }


@ON_REFRESHED
def test_a_fact_that_was_tampered_with_fails_its_control_totals_by_name(stage: Stage) -> None:
    """The slice, the event, the column and both numbers are said."""
    fact = event_participants.c
    with stage.warehouse.write() as connection:
        connection.execute(
            event_participants.update()
            .where(fact.company_id == ACME, fact.day == DAYS[0], fact.live_minutes == 30)
            .values(live_minutes=31)
        )
    passed, words = check_results(stage)["event_participants", "control_totals"]
    assert not passed
    assert words == (
        "1 do not add up to their control totals:\n"
        f"{stage.key(ACME)} 2026-03-01 event e-acme: live_minutes 41, control total 40"
    )


@pytest.mark.scenario
@ON_REFRESHED
def test_an_insight_behind_its_facts_is_named(stage: Stage) -> None:
    """A fact's checksum moved, its insights did not; the as-of dataset is behind from that day on."""
    r = refreshes.c
    with stage.warehouse.write() as connection:
        moved = refreshes.update().where(r.company_id == ACME, r.dataset == "event_participants", r.day == DAYS[1])
        connection.execute(moved.values(checksum="moved"))
    told = check_results(stage)
    key, behind = stage.key(ACME), "derived_from_current_facts"
    assert told["event_participants", "control_totals"][0]
    assert told["daily_usage", behind] == (False, f"1 are behind their facts:\n{key} 2026-03-02")
    assert told["lifetime_usage", behind] == (False, f"2 are behind their facts:\n{key} 2026-03-02\n{key} 2026-03-03")
    assert told["peak_concurrency", behind] == (True, "All slices are derived from the facts as they are.")


def test_a_check_without_a_warehouse_says_what_to_do(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, not as a missing table."""
    monkeypatch.setenv("SEQUEL_WAREHOUSE_URL", f"sqlite:///{stage.folder / 'other.db'}")
    result = stage.run("run_checks")
    told = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert len(told) == len(["control_totals", "complete", "availability", "derivation", "freshness"])
    assert {failure.description for failure in told if failure} == {
        f"the warehouse sqlite:///{stage.folder / 'other.db'} has no tables yet; run: sequel-assets migrate"
    }


def test_the_catalog_finds_companies_and_gives_them_partitions(stage: Stage) -> None:
    """Keys that people can read, each once, however often it runs."""
    assert stage.run("refresh_catalog").success
    keys = stage.instance.get_dynamic_partitions("company")
    assert sorted(key.rsplit(".", 1)[0] for key in keys) == ["acme-events", "bolt", "root"]
    with stage.warehouse.read() as connection:
        assert connection.execute(sa.text("SELECT event_id FROM events ORDER BY 1")).scalars().all() == [
            "e-acme",
            "e-bolt",
        ]


@pytest.mark.parametrize(("seconds", "passed"), [(0, True), (-20, True), (40, False), (-3600, False)])
def test_a_clock_that_disagrees_with_sequels_is_a_warning(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, seconds: int, passed: bool
) -> None:
    """With a fast clock "through 14:00" would be a lie; a pinned clock has nothing to compare."""
    check = clock_check()
    pinned = _run_check(stage, check)
    assert (pinned.passed, pinned.description) == (True, "SEQUEL_NOW pins the clock; nothing to compare.")
    monkeypatch.delenv("SEQUEL_NOW")
    stage.sandbox.clock = Clock(datetime.now(UTC) + timedelta(seconds=seconds))
    told = _run_check(stage, check)
    assert (told.passed, told.severity) == (passed, dg.AssetCheckSeverity.WARN)


def _run_check(stage: Stage, check: dg.AssetChecksDefinition) -> Any:
    definitions = dg.Definitions(
        assets=stage.definitions.assets,
        asset_checks=[check],
        jobs=[dg.define_asset_job("one", selection=dg.AssetSelection.all_asset_checks())],
        resources=stage.definitions.resources,
    )
    result = definitions.resolve_job_def("one").execute_in_process(instance=stage.instance)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation
