"""Hours go by, tick by tick: the real sensor and schedules on an instance, their runs, checks and the tables after each.

`make soak` does the same with a real `dagster dev` on a clock that runs fast.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sequel_assets import settings
from sequel_assets.cli.commands.status_records import read_status
from sequel_assets.orchestration.sensors.new_companies import new_companies_sensor
from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED
from sequel_assets.refresh.core.time import days_between
from sequel_assets_tests.campaigns.soak import night
from sequel_assets_tests.support.reference import KEY, assert_equal_tables, expected_tables, read_tables
from sequel_assets_tests.support.stage import Stage
from sequel_assets_tests.support.suite.scale import scaled

EVENING = datetime(2024, 2, 28, 20, tzinfo=UTC)
"""Of the day before a leap day."""
FIRST = EVENING.date()
pytestmark = pytest.mark.slow


class Hours:
    """A stage whose clock is moved from tick to tick; its definitions are loaded anew, as every process does."""

    def __init__(self, stage: Stage, patch: pytest.MonkeyPatch) -> None:
        self.stage, self.patch = stage, patch
        self.is_scheduled = True

    def at(self, moment: datetime) -> None:
        """It is this moment, here and at Sequel."""
        self.stage.sandbox.clock.set(moment)
        self.patch.setenv("SEQUEL_NOW", moment.isoformat())
        self.stage.definitions = self.stage._load()

    def hour(self, top: datetime) -> dict[str, str]:
        """Let an hour go by as the daemon does; return what its skipped ticks and failed runs said, by their names."""
        told: dict[str, str] = {}
        self.at(top)
        self._play("new_companies", self._walk(), told)
        self._play("hourly_catalog", self._tick("hourly_catalog", top), told)
        if self.is_scheduled:
            self.at(top + timedelta(minutes=5))
            self._play("hourly_refresh", self._tick("hourly_refresh", top + timedelta(minutes=5)), told)
        self.at(top + timedelta(minutes=35))
        return told

    def _walk(self) -> Any:
        ticked = self.stage.sense(new_companies_sensor(settings.load()))
        for request in ticked.dynamic_partitions_requests or []:
            self.stage.instance.add_dynamic_partitions("company", list(request.partition_keys))
        return ticked

    def _tick(self, name: str, at: datetime) -> Any:
        return self.stage.tick(name, at)

    def _play(self, name: str, ticked: Any, told: dict[str, str]) -> None:
        if ticked.skip_message:
            told[name] = ticked.skip_message
        job = {"hourly_catalog": "refresh_catalog", "hourly_refresh": "refresh_hour"}.get(name, "refresh_slices")
        for request in ticked.run_requests:
            if not self.stage.run(job, request.tags, run_config=request.run_config).success:
                told[name] = "failed"

    def checks(self) -> set[tuple[str, str]]:
        """Run the checks that are due now; return those that fail."""
        (_,) = self._tick("hourly_checks", settings.load().clock()).run_requests
        result = self.stage.run("run_checks")
        assert result.success
        return {
            (e.asset_key.to_user_string(), e.check_name) for e in result.get_asset_check_evaluations() if not e.passed
        }

    def late(self) -> set[tuple[str, str]]:
        """What `sequel-assets status` says is late: datasets and days."""
        return {(slice_["dataset"], slice_["day"]) for slice_ in read_status(settings.load())["late"]}

    def assert_true(self, *, but: Sequence[str] = ()) -> None:
        """Fail unless every table (but some) is the truth as Sequel tells it now."""
        now = self.stage.sandbox.clock.now()
        days = days_between(FIRST, now.date())
        expected = expected_tables(self.stage.sandbox.world, days, start=FIRST, now=now)
        assert_equal_tables(read_tables(self.stage.warehouse), expected, but=but)


@pytest.fixture
def hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hours]:
    """An evening on which nothing is known yet, neither companies nor partitions."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        stage = Stage(tmp_path, stack, night.night_world(EVENING))
        monkeypatch.setenv("SEQUEL_PERSON_KEY", KEY)
        monkeypatch.setenv("SEQUEL_START_DATE", FIRST.isoformat())
        yield Hours(stage, monkeypatch)


FRESH = {(dataset.name, "fresh_by_the_hour") for dataset in SLICED if dataset.name not in AT_CLOSE_NAMES}
"""What an open day owes by the hour."""


@pytest.mark.scenario
def test_hours_over_a_midnight_stay_green_and_true_until_the_schedule_is_stopped(hours: Hours) -> None:
    """Companies find themselves, days close, Sequel changes minutes of today; then the light turns red by itself."""
    top = EVENING + timedelta(hours=2)
    for number in range(scaled(3, 5)):
        told = hours.hour(top)
        assert "hourly_refresh" not in told or number == 0, told
        assert hours.late() == set()
        assert number % 2 or hours.checks() == set()
        # who is in a hub is asked with the events of today and at a day's close: those of yesterday's may be a day behind
        hours.assert_true(but=() if top.hour in {22, 23, 0} else ["hub_participants"])
        if top.hour in {22, 1}:  # of the day that is today in the next hour too
            night.add_latecomer(hours.stage.sandbox.world, "night-0", top - timedelta(minutes=50))
        top += timedelta(hours=1)
    today = top.date()
    assert today == date(2024, 2, 29)
    hours.is_scheduled = False
    assert hours.hour(top) == {"new_companies": "3 companies, none of them new"}
    assert hours.checks() == FRESH
    assert hours.late() == {(dataset, today.isoformat()) for dataset, _ in FRESH}


@pytest.mark.scenario
def test_sequel_away_over_midnight_is_said_and_made_good_by_the_first_tick_that_reaches_it(hours: Hours) -> None:
    """Nothing half-written: what was there stays to the row, the checks are red; then yesterday closes late."""
    hours.hour(EVENING + timedelta(hours=2))
    assert hours.checks() == set()
    before = read_tables(hours.stage.warehouse)
    hours.patch.setenv("SEQUEL_RETRY_BUDGET_SECONDS", "0")
    hours.stage.sandbox.faults.always("*", "http_503")
    for number in (3, 4, 5):
        told = hours.hour(EVENING + timedelta(hours=number))
        assert (told["hourly_catalog"], told["hourly_refresh"]) == ("failed", "failed")
        assert "503" in told["new_companies"]
        assert read_tables(hours.stage.warehouse) == before
        assert number == 4 or hours.checks() >= FRESH
    assert {day for _, day in hours.late()} == {"2024-02-28", "2024-02-29"}
    hours.stage.sandbox.faults.clear()
    assert hours.hour(EVENING + timedelta(hours=6)) == {"new_companies": "3 companies, none of them new"}
    assert (hours.checks(), hours.late()) == (set(), set())
    hours.assert_true()
