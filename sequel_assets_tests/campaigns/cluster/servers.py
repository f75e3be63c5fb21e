"""The servers of the cluster: PostgreSQL with a synchronous replica on a host of its own, and Redis."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from sequel_assets_tests.campaigns.cluster.network import ClusterHost
from sequel_assets_tests.support import postgres
from sequel_assets_tests.support.postgres import PostgresServer

PORT = 5432
_PATIENCE = {
    "synchronous_commit": "on",
    "max_connections": "200",
    "wal_level": "replica",
    "hot_standby": "on",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "client_connection_check_interval": "5000",
    "wal_sender_timeout": "10000",
}
"""As docs/more-hosts.md has it: a host that vanished holds no lock for long."""


class DatabasePair:
    """A primary and its synchronous replica."""

    def __init__(self, first: ClusterHost, second: ClusterHost) -> None:
        self.hosts = (first, second)
        with first.inside():
            self.primary = PostgresServer.start(listen_addresses=first.address, **_PATIENCE)
        _let_in(self.primary)
        self.standby = _replica(self.primary, first, second)
        self._where = {id(self.primary): first, id(self.standby): second}
        self._await_standby()

    def url(self, database: str, driver: str = "postgresql") -> str:
        """Return the URL of a database, wherever it is written: both hosts, the one that takes writes."""
        hosts = "&".join(f"host={host.address}:{PORT}" for host in self.hosts)
        more = "&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=20000&connect_timeout=4"
        return f"{driver}://postgres@/{database}?{hosts}&target_session_attrs=read-write{more}"

    @property
    def is_alone(self) -> bool:
        """Say whether the primary has no replica, after a failover."""
        return self.standby.process.poll() is not None

    def fail_over(self) -> float:
        """Kill the primary as a power cut does, promote the replica, and return how long no one took writes."""
        began = time.monotonic()
        self.primary.halt("QUIT")
        self.primary, self.standby = self.standby, self.primary
        self.primary.run("SELECT pg_promote(true, 30)")
        self.primary.run("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.primary.run("SELECT pg_reload_conf()")
        return time.monotonic() - began

    def rejoin(self) -> None:
        """Make the server that was the primary a replica of the present one, and wait for it again."""
        where = self._where[id(self.standby)]
        shutil.rmtree(self.standby.folder, ignore_errors=True)
        self.standby = _replica(self.primary, self._where[id(self.primary)], where)
        self._where[id(self.standby)] = where
        self._await_standby()

    def _await_standby(self) -> None:
        """Acknowledge nothing any more that the replica does not have, and wait until it follows."""
        self.primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.run("SELECT pg_reload_conf()")
        _until(lambda: self._scalar("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1)

    def stop(self) -> None:
        """End both."""
        for server in (self.standby, self.primary):
            server.stop()

    def _scalar(self, query: str) -> object:
        with psycopg.connect(self.primary.url("postgres"), autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def _let_in(server: PostgresServer) -> None:
    rules = server.folder / "data" / "pg_hba.conf"
    rules.write_text(f"{rules.read_text()}host all,replication all 10.0.0.0/8 trust\n")
    server.run("SELECT pg_reload_conf()")


def _replica(of: PostgresServer, its_host: ClusterHost, host: ClusterHost) -> PostgresServer:
    """Make a replica of a server on another host."""
    folder = Path(tempfile.mkdtemp(prefix="sequel-pg-", dir=of.folder.parent))
    user = postgres.user_of(folder)
    copy = [
        of.programs / "pg_basebackup",
        "-h",
        its_host.address,
        "-U",
        postgres.USER,
        "-D",
        folder / "data",
        "-R",
        "-X",
        "stream",
    ]
    programs = folder / "programs"
    shutil.copytree(of.programs.parent.parent.parent, programs, symlinks=True)
    with host.inside():
        subprocess.run(
            [*copy, "--checkpoint=fast", "--no-sync"], user=user, cwd=folder, check=True, capture_output=True
        )
        binary = programs / of.programs.relative_to(of.programs.parent.parent.parent) / "postgres"
        options = [*of.process.args][9:]  # type: ignore[misc]
        told = [option.replace(its_host.address, host.address) for option in options]
        process = postgres._launch(folder, user, [binary, "-D", folder / "data", "-k", folder, *told])
    server = PostgresServer(folder, process)
    server._wait_until_ready()
    return server


class RedisServer:
    """Redis on a host, with a password, its data kept in a file."""

    def __init__(self, host: ClusterHost, folder: Path) -> None:
        self.host, self.folder, self.password = host, folder, secrets.token_urlsafe(12)
        folder.mkdir(exist_ok=True)
        self.start()

    def url(self, number: int) -> str:
        """Return the address of one of its databases."""
        return f"redis://:{self.password}@{self.host.address}:6379/{number}"

    def start(self) -> None:
        """Start it, on the data that are there."""
        command = [
            "redis-server",
            "--bind",
            self.host.address,
            "--dir",
            str(self.folder),
            "--appendonly",
            "yes",
            "--save",
            "",
        ]
        with self.host.inside(), (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--requirepass", self.password], stdout=log, stderr=log)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


def redis_is_missing() -> str:
    """Return what is missing, or nothing."""
    return "" if shutil.which("redis-server") else "no redis-server (Debian: redis-server)"


def _until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("the replica did not follow its primary")
        time.sleep(0.2)
