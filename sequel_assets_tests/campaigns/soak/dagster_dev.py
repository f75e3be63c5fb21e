"""A real `dagster dev` in a folder of its own, seen as its UI sees it: through GraphQL.

The code server is started beside it, as in production: the one that `dagster dev` starts by itself ends when it hears
nothing for 45 seconds by the date, which on a clock that runs fast are less than two.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from sequel_assets_tests.support.commands.calls import COMMAND, clean_environment, hear_interrupts
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.served_demo import ask_dagster, free_port

READY_SECONDS = 120
SILENCE_SECONDS = 120
LOCATION, REPOSITORY = "sequel_assets", "__repository__"
CHECKS = """query { assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks { checks { name } } } } }"""
EXECUTIONS = """query($asset: AssetKeyInput!, $check: String!) {
    assetCheckExecutions(assetKey: $asset, checkName: $check, limit: 1) {
        status timestamp evaluation { success description } } }"""
RUNS = """query($after: Float!) { runsOrError(filter: {createdAfter: $after}) { ... on Runs {
    results { runId jobName status creationTime } } } }"""
SCHEDULE = """query($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) {
    ... on Schedule { scheduleState { id status } } } }"""
STOP = """mutation($id: String!) { stopRunningSchedule(id: $id) { __typename
    ... on ScheduleStateResult { scheduleState { status } } } }"""
Check = tuple[str, str]


class DagsterDev:
    """`dagster dev` under way: webserver, daemon, and a code server for them. Ended as a whole."""

    def __init__(self, folder: Path, environment: Mapping[str, str], speed: float) -> None:
        self.folder = folder
        home = folder / "dagster"
        home.mkdir(exist_ok=True)
        (home / "dagster.yaml").write_text(_patient(speed))
        self.environment = clean_environment(
            **environment, DAGSTER_HOME=str(home), HOME=str(folder), **_patience(speed)
        )
        code_port, port = free_port(), free_port()
        server = {"host": "127.0.0.1", "port": code_port, "location_name": LOCATION}
        (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "dagster.log").open("wb")
        listen = ["-h", "127.0.0.1", "-p"]
        assert self._start("instance", "info").wait() == 0  # makes its tables: two at once would fall over each other
        self._processes = [
            self._start("api", "grpc", "-m", "sequel_assets.definitions", *listen, str(code_port)),
            self._start("dev", "-w", "workspace.yaml", *listen, str(port)),
        ]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dagster", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )

    def wait_until_served(self) -> None:
        """Wait until its UI answers."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.assert_alive()
            try:
                if httpx.get(f"{self.url}/server_info", timeout=2, trust_env=False).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                time.sleep(0.3)
        raise AssertionError(f"dagster dev did not answer within {READY_SECONDS} s; see {self._log.name}")

    def assert_alive(self) -> None:
        """Fail if a part of it has ended."""
        ended = [process.args for process in self._processes if process.poll() is not None]
        assert not ended, f"{ended} ended; see {self._log.name}"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Execute `sequel-assets ...` beside it, on the same clock."""
        return subprocess.run(
            [*COMMAND, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip

    def ask(self, query: str, **variables: Any) -> Any:
        """Ask GraphQL."""
        return ask_dagster(self.url, query, **variables)

    def checks(self) -> dict[Check, dict[str, Any]]:
        """The latest execution of every check that was ever executed."""
        found = {}
        for node in self.ask(CHECKS)["assetNodes"]:
            for check in node["assetChecksOrError"].get("checks", []):
                asset, name = node["assetKey"], check["name"]
                for execution in self.ask(EXECUTIONS, asset=asset, check=name)["assetCheckExecutions"]:
                    found[asset["path"][0], name] = execution
        return found

    def runs(self, after: datetime) -> Counter[tuple[str, str]]:
        """How many runs of each job were made after a moment, by job and status."""
        told = self.ask(RUNS, after=after.timestamp())["runsOrError"]["results"]
        return Counter((run["jobName"], run["status"]) for run in told)

    def stop_schedule(self, name: str) -> None:
        """Stop a schedule as the UI's switch does."""
        selector = {"repositoryName": REPOSITORY, "repositoryLocationName": LOCATION, "scheduleName": name}
        state = self.ask(SCHEDULE, selector=selector)["scheduleOrError"]["scheduleState"]
        assert state["status"] == "RUNNING", state
        told = self.ask(STOP, id=state["id"])["stopRunningSchedule"]
        assert told["scheduleState"]["status"] == "STOPPED", told

    def end(self) -> None:
        """End it and whatever it started; nothing of it is left."""
        parts = [psutil.Process(process.pid) for process in self._processes if process.poll() is None]
        theirs = [child for part in parts for child in part.children(recursive=True)]
        for process, number in [(p, n) for n in (signal.SIGTERM, signal.SIGKILL) for p in reversed(self._processes)]:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
        _, left = psutil.wait_procs(theirs, timeout=15)
        self._log.close()
        assert left == [], left


def _patience(speed: float) -> dict[str, str]:
    """How long Dagster's daemons may be silent: by the date, so it is told in simulated seconds."""
    return {"DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": str(round(SILENCE_SECONDS * speed))}


def _patient(speed: float) -> str:
    """The project's dagster.yaml; a run may take as long to start as it may by the real clock."""
    told = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    for name in ("start_timeout_seconds", "max_runtime_seconds"):
        told["run_monitoring"][name] = round(told["run_monitoring"][name] * speed)
    return str(yaml.safe_dump(told))
