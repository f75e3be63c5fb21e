"""Demos that end by themselves or before they serve anything: what they leave behind."""

import contextlib
import shutil
import signal
import time
from pathlib import Path

import pytest

from sequel_assets_tests.cli.demo.sums import assert_sums_are_those_of_the_database
from sequel_assets_tests.support.commands.calls import run_command
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.served_demo import ServedDemo, free_port

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.slow]


@pytest.mark.scenario
def test_the_demo_that_ends_after_its_tables_leaves_private_files_alone(tmp_path: Path) -> None:
    """`demo --once` exits 0, with the same sums, and has made nothing outside `.sequel`."""
    shutil.copyfile(PROJECT / "dagster.yaml", tmp_path / "dagster.yaml")
    done = run_command(
        ["demo", "--once", "--days", "5", "--companies", "2"], tmp_path, {"HOME": str(tmp_path)}, is_fresh=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert_sums_are_those_of_the_database(done.stdout, f"sqlite:///{tmp_path / '.sequel' / 'demo' / 'warehouse.db'}")
    made = [tmp_path / ".sequel", *(tmp_path / ".sequel").rglob("*")]
    assert {f"{path.stat().st_mode & 0o777:o}" for path in made} == {"700", "600"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".sequel", "dagster.yaml"]


@pytest.mark.scenario
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_starting_demo_and_leaves_no_process_behind(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C and a closed terminal already while Dagster's processes start."""
    made = ServedDemo(tmp_path, days=1, companies=1, port=free_port())
    try:
        made.wait_for("The warehouse: ")
        deadline = time.monotonic() + 30
        while len(made._children()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        code = made.end(number)
        assert code == 0, "".join(made.lines)
        assert made.left() == []
    finally:
        with contextlib.suppress(OSError):
            made.kill()
