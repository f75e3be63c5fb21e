"""`sequel-assets serve ui`, as `make dev` starts it: what it prints, and how fast it ends."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import psutil
import pytest

from sequel_assets_tests.support.commands.calls import COMMAND, clean_environment
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.served_demo import free_port

SECONDS_TO_END = 5


@pytest.mark.scenario
@pytest.mark.xdist_group("demo")
def test_the_pages_are_served_without_a_warning_and_end_within_seconds(tmp_path: Path) -> None:
    """Without an account, so that only Dagster itself has something to say; Ctrl-C is the normal end."""
    shutil.copyfile(PROJECT / "dagster.yaml", tmp_path / "dagster.yaml")
    port, output = free_port(), tmp_path / "output"
    with output.open("wb") as written:
        process = subprocess.Popen(
            [*COMMAND, "serve", "ui", "--port", str(port)],
            cwd=tmp_path, env=clean_environment(HOME=str(tmp_path)), stdout=written, stderr=written, start_new_session=True,
        )  # fmt: skip
    try:
        address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while "Dagster's UI: " not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert httpx.get(f"{address}/server_info", trust_env=False).is_success
        time.sleep(15)  # every sensor has looked
        others = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        seconds = time.monotonic() - began
    finally:
        process.kill()
    _, left = psutil.wait_procs(others, timeout=SECONDS_TO_END)
    assert output.read_text().splitlines() == [
        f"Dagster starts; its UI will be at {address} (Ctrl-C ends it).",
        f"Dagster's UI: {address}  (asset graph: {address}/asset-groups; schedules are on)",
    ]
    assert left == []
    assert seconds < SECONDS_TO_END
