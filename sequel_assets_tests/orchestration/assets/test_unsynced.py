"""Dagster's mark "Unsynced": on no slice and no list, whatever was materialized after what."""

from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.instance import DagsterInstance
from dagster._core.loader import LoadingContextForTest

from sequel_assets.orchestration import run_tags
from sequel_assets.refresh.core.datasets import CATALOG, SLICED_NAMES
from sequel_assets_tests.campaigns.soak.night import add_latecomer
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, NOW, ROOT
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.slow


def partitions(stage: Stage) -> set[str]:
    """Return the partitions that are looked at."""
    return stage.slice_keys([ACME], [DAYS[0], DAYS[-1]])


def marks(stage: Stage, slices: set[str] | None = None) -> dict[StaleStatus, set[str]]:
    """Return what Dagster's UI marks as what: `asset` or `asset partition` (of Acme's first and last day), by status."""
    graph = stage.definitions.resolve_asset_graph()
    with DagsterInstance.from_ref(stage.instance.get_ref()) as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        found: dict[StaleStatus, set[str]] = {}
        for key in graph.get_all_asset_keys():
            asset = key.to_user_string()
            keys = (slices or partitions(stage)) if asset in SLICED_NAMES else {None}
            for partition in keys:
                status = resolver.get_status(key, partition)
                found.setdefault(status, set()).add(f"{asset} {partition}" if partition else asset)
    return found


@ON_REFRESHED
def test_nothing_is_unsynced_when_events_are_listed_after_their_slices_and_minutes_change(stage: Stage) -> None:
    """By their times alone, every slice would be older than the list of events, and daily usage than its participants."""
    lists = {dataset.name for dataset in CATALOG}
    everything = lists | {f"{name} {key}" for name in SLICED_NAMES for key in partitions(stage)}
    assert stage.run("refresh_catalog").success
    stage.sandbox.world.restate("e-acme", minutes=7)
    assert stage.refresh(stage.ordered, DAYS[-1], DAYS[-1], ["event_participants"], run_tags.FORCE).success
    assert marks(stage) == {StaleStatus.FRESH: everything}


@ON_REFRESHED
def test_nothing_is_unsynced_after_an_hour_that_logged_only_what_changed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes of the open day are restated; slices whose rows stay are logged where what they are derived from was."""
    later = NOW + timedelta(hours=1)
    stage.move(monkeypatch, later)
    add_latecomer(stage.sandbox.world, "e-bolt", NOW + timedelta(minutes=10))
    (result,) = stage.hour(later)
    assert result.success
    assert stage.run("refresh_catalog").success
    lists = {dataset.name for dataset in CATALOG}
    for company in (ACME, BOLT, ROOT):
        slices = stage.slice_keys([company], [DAYS[0], DAYS[-1]])
        assert marks(stage, slices) == {
            StaleStatus.FRESH: lists | {f"{name} {key}" for name in SLICED_NAMES for key in slices}
        }


@ON_REFRESHED
def test_a_slice_without_the_names_of_its_inputs_would_be_unsynced(stage: Stage) -> None:
    """So the test above can fail."""
    partition = f"{stage.key(ACME)}|{DAYS[0]}"
    stage.instance.report_runless_asset_event(dg.AssetMaterialization("daily_usage", partition=partition))
    assert stage.run("refresh_catalog").success
    stage.instance.report_runless_asset_event(dg.AssetMaterialization("event_participants", partition=partition))
    assert marks(stage)[StaleStatus.STALE] == {f"daily_usage {partition}"}
