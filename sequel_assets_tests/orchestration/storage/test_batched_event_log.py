"""Dagster's event log in batches: what it then holds is what Dagster's own would hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import AssetEventTagsTable, AssetKeyTable, SqlEventLogStorageTable

from sequel_assets.orchestration.reporting.materializations import log_together
from sequel_assets.orchestration.storage.batched_event_log import BATCH_SIZE, BatchedEventLog
from sequel_assets_tests.support.stage import our_storages

DAYS = dg.StaticPartitionsDefinition([f"d{n}" for n in range(7)])


@dg.multi_asset(
    specs=[dg.AssetSpec(name, skippable=True) for name in ("event_participants", "daily_usage")],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def refresh(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
    """Log five days of two assets, then fail."""
    log_together(
        context,
        [
            dg.AssetMaterialization(name, partition=day, metadata={"rows": n}, tags={"dagster/partition/day": day})
            for name in ("event_participants", "daily_usage")
            for n, day in enumerate(context.partition_keys[:5])
        ],
    )
    raise dg.Failure("two days are missing")
    yield


def _stored(home: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Run it on an instance of its own, and return what that holds, without times and ids of runs."""
    home.mkdir()
    job = dg.Definitions(assets=[refresh], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": "d0", "dagster/asset_partition_range_end": "d6"}
    with dg.instance_for_test(overrides, temp_dir=str(home)) as instance:
        run = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        log = instance.event_log_storage
        assert isinstance(log, BatchedEventLog) == bool(overrides)
        columns = [
            c
            for c in SqlEventLogStorageTable.c
            if c.name in ("id", "dagster_event_type", "asset_key", "partition", "step_key")
        ]
        tag = AssetEventTagsTable.c
        with log.run_connection(run.run_id) as connection:  # one after the other: they share a lock
            own = connection.execute(sa.select(*columns).order_by(SqlEventLogStorageTable.c.id)).all()
        with log.index_connection() as connection:
            keys = connection.execute(sa.select(AssetKeyTable.c.asset_key, AssetKeyTable.c.last_run_id)).all()
            found = {
                "run": own,
                "index": connection.execute(sa.select(*columns).order_by(SqlEventLogStorageTable.c.id)).all(),
                "tags": connection.execute(sa.select(tag.event_id, tag.key, tag.value).order_by(tag.event_id)).all(),
                "keys": sorted((asset, run_id == run.run_id) for asset, run_id in keys),
            }
        for name in ("event_participants", "daily_usage"):
            key = dg.AssetKey(name)
            latest = instance.get_latest_materialization_event(key)
            assert latest is not None
            assert latest.asset_materialization is not None
            records = instance.fetch_materializations(key, limit=100).records
            found[name] = (
                sorted(instance.get_materialized_partitions(key)),
                latest.asset_materialization.partition,
                [(r.partition_key, r.asset_materialization.metadata["rows"].value) for r in records],  # type: ignore[union-attr]
            )
        return found


def test_a_run_in_batches_leaves_what_a_run_without_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, tags, latest materializations and partitions are the same; so are the planned ones that never came."""
    monkeypatch.delenv(BATCH_SIZE, raising=False)
    one_by_one = _stored(tmp_path / "plain", {})
    monkeypatch.setenv(BATCH_SIZE, "4")
    batched = _stored(tmp_path / "batched", our_storages(tmp_path / "batched"))
    assert batched == one_by_one
    assert batched["event_participants"][0] == ["d0", "d1", "d2", "d3", "d4"]
    assert len([row for row in batched["index"] if row[1] == "ASSET_MATERIALIZATION_PLANNED"]) == 14
