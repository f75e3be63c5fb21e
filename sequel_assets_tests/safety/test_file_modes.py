"""Who may read what is made: its owner alone, unless a setting says otherwise, whatever the umask is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sequel_assets import settings
from sequel_assets.safety import file_modes
from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets.settings import SettingsError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets_tests.support.commands.calls import (
    COMMAND,
    call_in_process,
    clean_environment,
    environment,
    variables,
)
from sequel_assets_tests.support.served_demo import free_port
from sequel_assets_tests.support.small_world import NOW, small_world


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """The environment of a sandbox's account."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as sandbox:
        yield environment(sandbox) | {"SEQUEL_NOW": "2026-03-03T15:07:00Z"}


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Give another umask to this process."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(*places: Path) -> dict[bool, set[str]]:
    """The modes of all folders (True) and files (False) beneath some folders, with these."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for place in places:
        for path in (place, *place.rglob("*")):
            found[path.is_dir()].add(f"{path.stat().st_mode & 0o7777:04o}")
    return found


PRIVATE = {True: {"0700"}, False: {"0600"}}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize(
    ("told", "files", "folders"), [("", "0600", "0700"), ("0640", "0640", "0750"), ("660", "0660", "0770"), ("0644", "0644", "0755")]
)  # fmt: skip
def test_the_first_migrate_and_an_export_make_what_the_setting_says(
    tmp_path: Path, account: dict[str, str], mask: int, told: str, files: str, folders: str
) -> None:
    """The folder, the database, and all that is exported; the umask is as it was afterwards."""
    env = account | {"SEQUEL_FILE_MODE": told}
    with umask(mask):
        assert call_in_process(["migrate"], tmp_path, env).returncode == 0
        dates = ["--from", "2026-03-01", "--to", "2026-03-01"]
        done = call_in_process(["export", *dates, "--dataset", "people", "--with-people", "--format", "csv", "--to-folder", "a/b"], tmp_path, env)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert os.umask(mask) == mask
    assert modes(tmp_path / ".sequel", tmp_path / "a") == {True: {folders}, False: {files}}


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_the_wal_files_have_the_mode_of_the_database(tmp_path: Path, mask: int) -> None:
    """Also where the database is made by another program than a command, such as Dagster's daemon."""
    warehouse = Warehouse(f"sqlite:///{tmp_path / 'warehouse.db'}")
    with umask(mask):
        migrate(warehouse)
        with warehouse.write():
            made = sorted(path.name for path in tmp_path.iterdir())
            assert made == ["warehouse.db", "warehouse.db-shm", "warehouse.db-wal"]
            assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    warehouse.dispose()


def test_what_is_there_already_keeps_its_mode(tmp_path: Path, account: dict[str, str]) -> None:
    """The owner's own choice: a folder, a database, a file that is written anew."""
    (tmp_path / ".sequel").mkdir(mode=0o755)
    file = tmp_path / ".sequel" / "warehouse.db"
    with umask(0o022), closing(sqlite3.connect(file)) as made:
        made.execute("PRAGMA user_version = 1")
    out = tmp_path / "out" / "companies.csv"
    out.parent.mkdir(mode=0o755)
    assert call_in_process(["migrate"], tmp_path, account).returncode == 0
    assert [f"{path.stat().st_mode & 0o777:o}" for path in (file.parent, file, out.parent)] == ["755", "644", "755"]


@pytest.mark.scenario
def test_a_backfill_leaves_nothing_that_others_may_read(tmp_path: Path, account: dict[str, str]) -> None:
    """The warehouse, Dagster's home with its databases and logs."""
    days = ["--from", "2026-03-01", "--to", "2026-03-01", "--company", "bolt"]
    done = subprocess.run(
        [*COMMAND, "backfill", *days], cwd=tmp_path, env=clean_environment(**account), umask=0, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".sequel" / "dagster" / "history" / "runs").is_dir()
    assert modes(tmp_path / ".sequel") == PRIVATE


def test_the_receiver_leaves_nothing_that_others_may_read(tmp_path: Path, account: dict[str, str]) -> None:
    """Its state is in the warehouse, whose WAL it opens."""
    env = account | {"SEQUEL_WEBHOOK_URL": "https://hooks.example.com/sequel", "SEQUEL_WEBHOOK_DEMANDS": "company"}
    with umask(0):
        assert call_in_process(["migrate"], tmp_path, env).returncode == 0
    process = subprocess.Popen(
        [*COMMAND, "serve", "receiver", "--port", str(free_port())], cwd=tmp_path, env=clean_environment(**env), umask=0,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("receiving webhooks at ")
        assert modes(tmp_path / ".sequel") == PRIVATE
    finally:
        process.kill()
        process.communicate()


def test_another_program_is_given_the_umask(tmp_path: Path) -> None:
    """A service manager may start Dagster so, which makes its files itself."""
    code = "import os; os.mkdir('made'); open('made/file', 'w').close()"
    command = [sys.executable, "-m", "sequel_assets.safety.file_modes", sys.executable, "-c", code]
    for told, expected in (("", PRIVATE), ("0640", {True: {"0750"}, False: {"0640"}})):
        folder = tmp_path / f"as {told}"
        folder.mkdir()
        subprocess.run(command, cwd=folder, env=clean_environment(SEQUEL_FILE_MODE=told), umask=0, check=True)
        assert modes(folder / "made") == expected


@pytest.mark.parametrize("told", ["0666", "0646", "0700", "0400", "1600", "600 ", "rw", "-rw-------", "0o600", "8"])
def test_a_mode_that_makes_no_sense_is_refused_and_opens_nothing(told: str) -> None:
    with variables({"SEQUEL_FILE_MODE": told}):
        with pytest.raises(
            SettingsError, match=r"^SEQUEL_FILE_MODE: it must be a file's mode such as 0600, 0640 or 0660"
        ):
            settings.load()
        assert file_modes.file_mode() == 0o600


def test_a_file_in_a_folders_place_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(FileExistsError):
        file_modes.make_folder(tmp_path / "a" / "b")
