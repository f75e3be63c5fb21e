"""Dagster's own commands in a fresh clone, without any variable set."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from sequel_assets.refresh.core.datasets import CATALOG, SLICED, SUBSCRIPTIONS
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.served_demo import free_port

BIN = Path(sys.executable).parent


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What stands at the top of a clone."""
    for name in ("dagster.yaml", "workspace.yaml", "pyproject.toml", "setup.cfg"):
        shutil.copyfile(PROJECT / name, tmp_path / name)
    (tmp_path / "sequel_assets").symlink_to(PROJECT / "sequel_assets")
    return tmp_path


def call(clone: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Call a command of Dagster's in the clone."""
    env = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(clone), "COLUMNS": "200"}
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_definitions_validate(clone: Path) -> None:
    """It takes the workspace and the instance's settings of the folder, and leaves nothing behind."""
    before = sorted(path.name for path in clone.iterdir())
    done = call(clone, "dagster", "definitions", "validate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert [path.name for path in sorted(clone.iterdir()) if not path.name.startswith(".")] == before


@pytest.mark.scenario
def test_dg_check_defs(clone: Path) -> None:
    done = call(clone, "dg", "check", "defs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.scenario
def test_dg_list_defs_names_every_asset(clone: Path) -> None:
    done = call(clone, "dg", "list", "defs", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {asset["asset_key"] for asset in json.loads(done.stdout)["assets"]}
    assert listed == {dataset.name for dataset in [*CATALOG, SUBSCRIPTIONS, *SLICED]}


@contextmanager
def serving(clone: Path, *command: str) -> Iterator[str]:
    """A `dev` of Dagster's; its address, once it answers. It ends with Ctrl-C, and leaves no process behind."""
    port = free_port()
    env = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(clone)}
    log = (clone / "dev.log").open("w")
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:], "--port", str(port)],
        cwd=clone,
        env=env,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 150
    try:
        while True:
            try:
                httpx.get(f"{url}/server_info", timeout=60, trust_env=False).raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None, (clone / "dev.log").read_text()
                assert time.monotonic() < until, (clone / "dev.log").read_text()
                time.sleep(0.5)
        yield url
    finally:
        ours = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGINT)
        _, left = psutil.wait_procs(ours, timeout=60)
        for one in left:
            one.kill()
        process.wait(30)
        log.close()
    assert left == []


@pytest.mark.scenario
@pytest.mark.parametrize("command", [("dagster", "dev"), ("dg", "dev")], ids=" ".join)
def test_dev_serves_the_location(clone: Path, command: tuple[str, ...]) -> None:
    """Its name is that of the package, and it has loaded."""
    query = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError { __typename } } } } }"""
    with serving(clone, *command) as url:
        until, entries = time.monotonic() + 100, []
        while time.monotonic() < until:
            answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=60, trust_env=False).json()
            entries = answer["data"]["workspaceOrError"]["locationEntries"]
            if [entry["loadStatus"] for entry in entries] == ["LOADED"]:
                break
            time.sleep(1)
    assert [(entry["name"], entry["locationOrLoadError"]["__typename"]) for entry in entries] == [
        ("sequel_assets", "RepositoryLocation")
    ]
