"""Hours without planned partitions in Dagster's storage: what it shows of them, what repair and housekeeping make of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.cli.commands.repair import plan_repair
from sequel_assets.orchestration.storage.event_log import LOG, MATERIALIZED, PLANNED, storage_of
from sequel_assets.orchestration.storage.housekeeping import KEEP, tidy
from sequel_assets.orchestration.storage.partition_view import RepairPlan
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets_tests.campaigns.soak.night import add_latecomer
from sequel_assets_tests.orchestration.storage.storages import BATCHED, POSTGRESQL, stored_stage
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, NOW, ROOT
from sequel_assets_tests.support.stage import Stage
from sequel_assets_tests.support.suite.scale import some

pytestmark = pytest.mark.slow
__all__ = ["stored_stage"]
NAMES = [dataset.name for dataset in SLICED]
ON_BOTH = pytest.mark.parametrize("stored_stage", some([BATCHED], [BATCHED, POSTGRESQL]), indirect=True)
EVERYBODY = [ROOT, ACME, BOLT]


class StoredHours:
    """Hours that go by on a stage; each is evaluated and executed as the daemon would."""

    def __init__(self, stage: Stage, patch: pytest.MonkeyPatch) -> None:
        self.stage, self.patch, self.now = stage, patch, NOW

    def next(self) -> list[str]:
        """Let an hour go by; return the states of its runs."""
        self.now += timedelta(hours=1)
        self.stage.move(self.patch, self.now)
        instance, results = self.stage.instance, self.stage.hour(self.now)
        return [run.status.value for result in results if (run := instance.get_run_by_id(result.run_id))]

    def events(self, kind: str) -> int:
        """Count the events of a kind that Dagster's index has."""
        chosen = sa.select(sa.func.count()).where(LOG.dagster_event_type == kind, LOG.partition.is_not(None))
        with storage_of(self.stage.instance).index_connection() as connection:
            return int(connection.scalar(chosen) or 0)

    def shown(self) -> dict[str, tuple[set[str], set[str]]]:
        """Return what the pages show of each dataset, as they find it cached and as they would find it anew."""
        cached = {name: self.stage.statuses(name) for name in NAMES}
        self.stage.instance.wipe_asset_cached_status([dg.AssetKey(name) for name in NAMES])
        assert {name: self.stage.statuses(name) for name in NAMES} == cached
        return cached

    def repairs(self) -> dict[str, RepairPlan]:
        """Return what `sequel-assets repair` would do to each dataset, where it would do anything."""
        plans, _ = plan_repair(settings.load(), self.stage.warehouse, self.stage.instance)
        return {name: plan for name, plan in plans.items() if plan.report or plan.forget}


@pytest.fixture
def hours(stored_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> StoredHours:
    """Hours after a backfill of all days."""
    assert stored_stage.refresh(stored_stage.ordered, DAYS[0], DAYS[-1]).success
    return StoredHours(stored_stage, monkeypatch)


@ON_BOTH
def test_a_failure_is_red_by_itself_until_it_is_good_and_quiet_hours_store_no_slice(hours: StoredHours) -> None:
    """On both storages: nothing to repair after any of these hours, and housekeeping takes none of what is shown."""
    stage = hours.stage
    everything, red = stage.slice_keys(EVERYBODY, DAYS), stage.slice_keys([ACME], DAYS[-1:])
    assert hours.next() == ["SUCCESS"]
    before, planned = hours.events(MATERIALIZED), hours.events(PLANNED)
    assert [hours.next(), hours.next()] == [["SUCCESS"], ["SUCCESS"]]
    quiet = hours.events(MATERIALIZED) - before
    stage.sandbox.faults.always("*e-acme/top-participants*", "wrong_minutes")
    assert hours.next() == ["FAILURE"]
    shown = hours.shown()
    failed = {name for name, (_, bad) in shown.items() if bad}
    assert {"event_participants", "daily_usage", "lifetime_usage"} <= failed
    assert {name: bad for name, (_, bad) in shown.items()} == {name: red if name in failed else set() for name in NAMES}
    assert hours.events(PLANNED) - planned == len(failed)
    assert hours.repairs() == {}
    tidied = tidy(stage.instance, datetime.now(UTC) + KEEP + timedelta(minutes=1))
    assert tidied.deleted > 0
    assert hours.shown() == shown
    stage.sandbox.faults.clear()
    assert hours.next() == ["SUCCESS"]
    assert hours.shown() == dict.fromkeys(NAMES, (everything, set()))
    assert hours.repairs() == {}
    # the sandbox says of each registrant of Bolt's event of today that they were updated: four slices of it read that
    assert quiet == 2 * 4


@ON_BOTH
def test_what_an_hour_logs_is_what_repair_would_say_of_it(hours: StoredHours) -> None:
    """A new viewer of the open day: its slices have the figures of the stored rows, and no other page changes."""
    stage = hours.stage
    assert hours.next() == ["SUCCESS"]
    kept = _pages(stage, ACME)
    add_latecomer(stage.sandbox.world, "e-bolt", hours.now)
    assert hours.next() == ["SUCCESS"]
    assert _pages(stage, ACME) == kept
    page = stage.latest("event_participants", BOLT, DAYS[-1])
    day = stage.latest("daily_usage", BOLT, DAYS[-1])
    assert (page["status"], page["people"], page["engaged_minutes"]) == (
        "refreshed",
        day["people"],
        day["engaged_minutes"],
    )
    assert hours.repairs() == {}


def _pages(stage: Stage, company_id: str) -> dict[str, Any]:
    return {name: stage.latest(name, company_id, DAYS[-1]) for name in NAMES}
