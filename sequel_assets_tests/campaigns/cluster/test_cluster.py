"""A small cluster: a backfill through the queue, executed by workers on two hosts, one of which loses its power."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from sequel_assets_tests.campaigns.cluster.network import why_not
from sequel_assets_tests.campaigns.cluster.servers import redis_is_missing
from sequel_assets_tests.campaigns.cluster.services import PROJECT
from sequel_assets_tests.campaigns.cluster.stage import Cluster
from sequel_assets_tests.campaigns.cluster.world import START, TODAY, YESTERDAY, ClusterSize

MISSING = [reason for reason in (why_not(), redis_is_missing()) if reason]

SECONDS_AT_WORK = 2


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"no cluster can be made here: {'; '.join(MISSING)}")
def test_a_backfill_goes_on_when_a_worker_is_lost(tmp_path: Path) -> None:
    """Its run fails once nobody answers for it, starts again on the other host, and every row is the truth."""
    size = ClusterSize(companies=3, people=3, lost_seconds=8, latency_ms=300, is_small=True)
    with Cluster(tmp_path, size) as cluster:
        is_over = threading.Event()
        killed = threading.Thread(target=_kill_when_it_works, args=(cluster, is_over))
        killed.start()
        workspace = str(PROJECT / "deploy" / "workspace.yaml")
        done = cluster.call(
            "backfill", "--from", str(YESTERDAY), "--to", str(TODAY), "--workspace", workspace
        )  # fmt: skip
        is_over.set()
        killed.join()
        assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
        assert "4 runs are in Dagster's queue, one per company" in done.stdout
        assert done.stdout.count("is done, ") == 4
        top = START.replace(minute=0)
        assert cluster.difference(top) == ""
        runs = [status for status, name in cluster.runs().values() if name == "refresh_slices"]
        assert runs.count("SUCCESS") >= 4  # the sensor of new companies may have requested them as well
        assert runs.count("FAILURE") >= 1


def _kill_when_it_works(cluster: Cluster, is_over: threading.Event) -> None:
    """End a worker that has a run, as a power cut does: it has been at the warehouse for a second."""
    address, seen = cluster.network.host("alpha").address, 0
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'sequel' AND client_addr = %s"
    while seen < SECONDS_AT_WORK and not is_over.wait(1):
        with psycopg.connect(cluster.database.primary.url("dagster"), autocommit=True) as connection:
            row = connection.execute(query, (address,)).fetchone()
            begun = connection.execute("SELECT count(*) FROM runs WHERE status = 'STARTED'").fetchone()
        seen = seen + 1 if row is not None and row[0] and begun is not None and begun[0] else 0
    cluster.workers["alpha"].kill()
