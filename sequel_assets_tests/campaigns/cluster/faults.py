"""What goes wrong in a cluster, one function each: it is called when the hour's runs have begun, and mends what it broke."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from sequel_assets_tests.campaigns.cluster.stage import Cluster

Fault = Callable[[Cluster], None]
CUT_SECONDS = 60
SKEW = timedelta(seconds=90)


def nothing(_: Cluster) -> None:
    """Nothing goes wrong."""


def worker_killed(cluster: Cluster) -> None:
    """A worker's host loses its power, and is back after a while."""
    cluster.workers["alpha"].kill()
    time.sleep(20)
    cluster.restart_worker("alpha")


def redis_restarted(cluster: Cluster) -> None:
    """Redis is killed, and starts again on its file."""
    cluster.redis.kill()
    time.sleep(5)
    cluster.redis.start()


def database_failed_over(cluster: Cluster) -> None:
    """The primary is killed and its synchronous replica promoted."""
    cluster.database.fail_over()


def cut_off(cluster: Cluster) -> None:
    """A worker has no network for a minute: packets vanish."""
    host = cluster.network.host("alpha")
    host.unplug()
    time.sleep(CUT_SECONDS)
    host.plug_in()


def half_open(cluster: Cluster) -> None:
    """The database ends a worker's connections while it is cut off: the worker believes that they are open."""
    host = cluster.network.host("beta")
    host.unplug()
    cluster.database.primary.run(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr = '{host.address}'"
    )
    time.sleep(5)
    host.plug_in()


def disk_full(cluster: Cluster) -> None:
    """The disk of a worker's host is full for half a minute."""
    cluster.fill_disk("beta")
    time.sleep(30)
    cluster.free_disk("beta")


def clocks_apart(cluster: Cluster) -> None:
    """The workers' clocks are 90 seconds apart from the others', one ahead and one behind, until the next hour."""
    cluster.restart_worker("alpha", SKEW)
    cluster.restart_worker("beta", -SKEW)


FAULTS: dict[str, Fault] = {
    "nothing": nothing,
    "a worker killed by -9": worker_killed,
    "Redis restarted": redis_restarted,
    "a minute without network": cut_off,
    "half-open connections": half_open,
    "disk full on a worker": disk_full,
    "clocks 90 s apart": clocks_apart,
    "PostgreSQL failed over": database_failed_over,
}
