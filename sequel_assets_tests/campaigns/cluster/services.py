"""The platform's processes on the hosts: code server, daemon, webserver and receiver on one, a worker on each of two."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from sequel_assets.cli.support.dagster_services import answers_in_time
from sequel_assets_tests.campaigns.cluster.network import ClusterHost
from sequel_assets_tests.support.commands.calls import COMMAND, clean_environment, hear_interrupts
from sequel_assets_tests.support.paths import PROJECT

BIN = Path(sys.executable).parent
CODE, UI, RECEIVER = 4000, 3000, 8750
READY_SECONDS = 180


class HostProcess:
    """A process on a host, whose output goes to a file."""

    def __init__(
        self, host: ClusterHost, name: str, command: list[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.host, self.name, self.command, self.folder = host, name, command, folder
        self.environment = clean_environment(**environment)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """The file with its output."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it on its host."""
        with self.host.inside(), self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=hear_interrupts,
                umask=0o077,
            )

    def kill(self) -> None:
        """End it and everything that it started by SIGKILL, as a host does that loses its power."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as systemd does."""
        self._end(signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        """Say whether it runs."""
        return self.process is not None and self.process.poll() is None

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        try:
            parent = psutil.Process(self.process.pid)
            all_of_it = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for one in all_of_it if number == signal.SIGKILL else all_of_it[:1]:
            _send(one, number)
        _, left = psutil.wait_procs(all_of_it, timeout=60)
        for one in left:
            _send(one, signal.SIGKILL)
        self.process.wait(30)


def dagster_home(folder: Path, *, concurrency: int, lost_seconds: int) -> Path:
    """Make a home with the `dagster.yaml` of deploy/hosts, and return it."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    text = (PROJECT / "deploy" / "hosts" / "dagster.yaml").read_text()
    text = text.replace("max_concurrent_runs: 8", f"max_concurrent_runs: {concurrency}")
    text = text.replace("lost_seconds: 90", f"lost_seconds: {lost_seconds}")
    text = text.replace("poll_interval_seconds: 15", f"poll_interval_seconds: {min(15, lost_seconds)}")
    (home / "dagster.yaml").write_text(text)
    return home


def control_services(host: ClusterHost, folder: Path, environment: Mapping[str, str]) -> dict[str, HostProcess]:
    """Return code server, daemon, webserver and receiver of a host."""
    workspace = str(PROJECT / "deploy" / "workspace.yaml")
    module = ["--module-name", "sequel_assets.definitions", "--location-name", "sequel_assets"]
    commands = {
        "code": [f"{BIN}/dagster", "code-server", "start", "--host", host.address, "--port", str(CODE), *module],
        "daemon": [f"{BIN}/dagster-daemon", "run", "--log-level", "warning", "--workspace", workspace],
        "webserver": [f"{BIN}/dagster-webserver", "--host", host.address, "--port", str(UI), "--workspace", workspace],
        "receiver": [*COMMAND, "serve", "receiver", "--host", host.address, "--port", str(RECEIVER)],
    }
    more = {"DAGSTER_CODE_HOST": host.address, "DAGSTER_CODE_PORT": str(CODE)}
    return {
        name: HostProcess(host, name, command, folder, {**environment, **more}) for name, command in commands.items()
    }


def worker_service(host: ClusterHost, folder: Path, environment: Mapping[str, str], *, concurrency: int) -> HostProcess:
    """Return the worker of a host."""
    command = [*COMMAND, "serve", "worker", "--concurrency", str(concurrency), "--name", host.name]
    return HostProcess(host, f"worker-{host.name}", command, folder, environment)


def call(
    host: ClusterHost, folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Execute `sequel-assets ...` on a host, to its end."""
    with host.inside():
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=folder,
            env=clean_environment(**environment),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )


def wait_until_answering(service: HostProcess, url: str) -> None:
    """Wait until a process answers at an address."""
    process = service.process
    assert process is not None
    assert answers_in_time(process, url, READY_SECONDS), f"{service.name}: {service.log.read_text()[-1500:]}"


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
