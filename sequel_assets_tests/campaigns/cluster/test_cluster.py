"""A small cluster: a backfill through the queue, executed by workers on two hosts, one of which loses its power."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest

from sequel_assets_tests.campaigns.cluster.network import why_not
from sequel_assets_tests.campaigns.cluster.servers import redis_is_missing
from sequel_assets_tests.campaigns.cluster.services import PROJECT
from sequel_assets_tests.campaigns.cluster.stage import Cluster
from sequel_assets_tests.campaigns.cluster.world import START, TODAY, YESTERDAY, ClusterSize

MISSING = [reason for reason in (why_not(), redis_is_missing()) if reason]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"no cluster can be made here: {'; '.join(MISSING)}")
def test_a_backfill_goes_on_when_a_worker_is_lost(tmp_path: Path) -> None:
    """Its run fails once nobody answers for it, starts again on the other host, and every row is the truth."""
    size = ClusterSize(companies=3, people=3, lost_seconds=4, latency_ms=150, is_small=True)
    with Cluster(tmp_path, size) as cluster:
        killed = threading.Thread(target=_kill_when_it_works, args=(cluster,))
        killed.start()
        workspace = str(PROJECT / "deploy" / "workspace.yaml")
        done = cluster.call(
            "backfill", "--from", str(YESTERDAY), "--to", str(TODAY), "--workspace", workspace
        )  # fmt: skip
        killed.join()
        assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
        assert "4 runs are in Dagster's queue, one per company" in done.stdout
        assert done.stdout.count("is done, ") == 4
        top = START.replace(minute=0)
        assert cluster.difference(top) == ""
        runs = [status for status, name in cluster.runs().values() if name == "refresh_slices"]
        assert (runs.count("SUCCESS"), runs.count("FAILURE") >= 1) == (4, True)


def _kill_when_it_works(cluster: Cluster) -> None:
    """End the worker that has a run, as a power cut does."""
    query = "SELECT count(*) FROM runs WHERE status = 'STARTED'"
    while True:
        with psycopg.connect(cluster.database.primary.url("dagster"), autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        if row is not None and row[0] >= 3:  # both workers have some
            break
        time.sleep(0.2)
    cluster.workers["alpha"].kill()
