"""A real PgBouncer in transaction mode in front of the tests' PostgreSQL: Debian's package, on a socket in a folder of its own.

It lends so few connections that clients share them from one transaction to the next, and it refuses what poolers refuse.
As root it runs as `nobody`; it ends with the tests however they end, as the server does (postgres.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from sequel_assets_tests.support.postgres import USER, user_of

PORT = 6432
_WATCH = """
    "$@" & pooler=$!
    cat > /dev/null
    kill -INT $pooler; wait $pooler; rm -rf "$FOLDER"
"""


def program() -> str | None:
    """Return where PgBouncer is installed, None where it is not."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


class PgBouncer:
    """A running pooler; `start` makes one in front of a server, `stop` ends it."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.process = folder, process

    @classmethod
    def start(cls, server: Path, *, connections: int) -> PgBouncer:
        """Start it with so many connections to each database; raises `RuntimeError` with its own words if it will not."""
        installed = program()
        if installed is None:
            raise RuntimeError("Debian's package pgbouncer is not installed")
        folder = Path(tempfile.mkdtemp(prefix="sequel-pgb-", dir="/tmp"))
        user = user_of(folder)
        settings = {
            "listen_addr": "",
            "listen_port": PORT,
            "unix_socket_dir": folder,
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": connections,
            "max_client_conn": 200,
            "server_login_retry": 1,  # it is asked again soon after a restart of the server
            "server_check_query": ";",
            "query_wait_timeout": 20,
            "logfile": folder / "log",
            "pidfile": folder / "pid",
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        (folder / "ini").write_text(
            "\n".join(["[databases]", f"* = host={server} user={USER}", "[pgbouncer]", *lines, ""])
        )
        (folder / "ini").chmod(0o644)
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "sh", installed, "-q", folder / "ini"],
            user=user,
            cwd=folder,
            env={**os.environ, "FOLDER": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        pooler = cls(folder, process)
        pooler._wait_until_ready()
        return pooler

    def url(self, database: str) -> str:
        """Return the URL of a database behind it."""
        return f"postgresql://{USER}@/{database}?host={self.folder}&port={PORT}"

    def stop(self) -> None:
        """End it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(self.url("postgres"), autocommit=True, prepare_threshold=None).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > until or self.process.poll() is not None:
                    log = self.folder / "log"
                    words = log.read_text(errors="replace").strip() if log.exists() else str(error)
                    self.stop()
                    raise RuntimeError(f"pgbouncer: {words}") from None
                time.sleep(0.02)
            else:
                return
