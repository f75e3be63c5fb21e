"""A demo that serves Dagster's UI, as the tests and the screenshots start it: in a folder of its own."""

from __future__ import annotations

import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from sequel_assets_tests.support.commands.calls import COMMAND, clean_environment
from sequel_assets_tests.support.paths import PROJECT

READY_SECONDS = 180
LOCATION = "sequel_assets"
"""What Dagster calls the code of a demo."""
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""


class ServedDemo:
    """`sequel-assets demo` under way; `url` is where Dagster's UI is."""

    def __init__(self, folder: Path, *, days: int = 5, companies: int = 2, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / "dagster.yaml", folder / "dagster.yaml")
        self.folder = folder
        self.lines: list[str] = []
        self.url = ""
        self.others: list[psutil.Process] = []
        arguments = ["demo", "--days", str(days), "--companies", str(companies), "--port", str(port or free_port())]
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=clean_environment(HOME=str(folder), PYTHONUNBUFFERED="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._told: queue.Queue[str | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._told.put(line)
        self._told.put(None)

    def wait_for(self, words: str, seconds: float = READY_SECONDS) -> str:
        """Return the first line with these words."""
        deadline = time.monotonic() + seconds
        while True:
            line = self._told.get(timeout=max(0.1, deadline - time.monotonic()))
            assert line is not None, f"the demo ended with {self.process.wait()}:\n{''.join(self.lines)}"
            self.lines.append(line)
            if words in line:
                return line

    def wait_until_served(self) -> None:
        """Wait for the line that tells the address, and note every process that belongs to the demo."""
        found = re.search(r"http://\S+", self.wait_for("Dagster's UI: "))
        assert found is not None
        self.url = found.group()
        self.others = psutil.Process(self.process.pid).children(recursive=True)

    def ask(self, query: str, **variables: Any) -> Any:
        """Ask Dagster's GraphQL."""
        return ask_dagster(self.url, query, **variables)

    def execute_checks(self) -> None:
        """Launch the job `run_checks`, and wait for its end."""
        self.execute("run_checks", {})

    def execute(self, job: str, tags: Mapping[str, str], seconds: float = 180) -> str:
        """Launch a job as the UI does, and wait for its end; return the run's id."""
        selector = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION, "jobName": job}
        told = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        params = {"selector": selector, "mode": "default", "executionMetadata": told}
        launched = self.ask(LAUNCH, params=params)["launchRun"]
        deadline = time.monotonic() + seconds
        status = ""
        while status != "SUCCESS":
            assert time.monotonic() < deadline, (launched, status)
            assert status not in {"FAILURE", "CANCELED"}, status
            time.sleep(0.5)
            status = self.ask(STATUS, id=launched["run"]["runId"])["runOrError"]["status"]
        return str(launched["run"]["runId"])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        self.others += [p for p in self._children() if p not in self.others]
        self.process.send_signal(number)
        try:
            return self.process.wait(60)
        finally:
            self.kill()

    def left(self) -> list[list[str]]:
        """The processes that the demo left behind, a moment after its end."""
        _, alive = psutil.wait_procs(self.others, timeout=3)
        return [process.cmdline() for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """Whatever happened: no process of ours outlives the tests."""
        if self.process.poll() is None:
            for child in self._children():
                child.kill()
            self.process.kill()
            self.process.wait()
        self._listener.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def ask_dagster(url: str, query: str, **variables: Any) -> Any:
    """Ask the GraphQL of a Dagster that serves its UI; an answer with errors fails."""
    answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=30, trust_env=False)
    told = answer.json()
    assert "errors" not in told, told
    return told["data"]


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
