"""Runs the services of deploy/compose.yaml as processes of this machine: the same commands, variables, checks and order.

What only containers have is replaced by what it stands for: the names of services by 127.0.0.1 and free ports, mounted files by
those of the checkout, the image of PostgreSQL by the server of the tests, volumes by folders. The proxy is left out.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from sequel_assets_tests.deployment.compose import DEPLOY, ComposeService, entrypoint, env_file
from sequel_assets_tests.support.commands.calls import clean_environment, hear_interrupts
from sequel_assets_tests.support.served_demo import free_port

BIN = Path(sys.executable).parent
HEALTHY_SECONDS = 150
LISTENING = {"postgres": "5432", "code": "4000", "webserver": "3000", "receiver": "8750"}
"""The ports of the Compose file."""


class ComposeProcesses:
    """The services that were started, each by its name."""

    def __init__(self, folder: Path, postgres_port: int) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(mode=0o700)
        self.ports = {name: str(free_port()) for name in LISTENING} | {"postgres": str(postgres_port)}
        self.running: dict[str, subprocess.Popen[str]] = {}

    def here(self, service: str, word: str) -> str:
        """Return a word of a service as it is on this machine."""
        for name, port in LISTENING.items():
            word = word.replace(f"{name}:{port}", f"127.0.0.1:{self.ports[name]}")
            if name == service:
                word = word.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.ports[name]}")
                word = self.ports[name] if word == port else word
        word = "127.0.0.1" if word == "0.0.0.0" else word
        return word.replace("/etc/sequel-assets/workspace.yaml", str(DEPLOY / "workspace.yaml"))

    def environment(self, service: ComposeService) -> dict[str, str]:
        """Return a service's variables, and nothing else that this project reads."""
        told: dict[str, str] = {}
        for name in service.env_files:
            told |= env_file(self.folder / name)
        told |= {name: self.here(service.name, value) for name, value in service.environment.items()}
        if "DAGSTER_CODE_HOST" in told:
            told |= {"DAGSTER_CODE_HOST": "127.0.0.1", "DAGSTER_CODE_PORT": self.ports["code"]}
        path = f"{BIN}:/usr/bin:/bin"
        return clean_environment(PATH=path, HOME=str(self.home), DAGSTER_HOME=str(self.home / "dagster"), **told)

    def call(
        self, service: ComposeService, command: list[str], seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Call a command as `docker compose exec` does, to its end."""
        words = [self.here(service.name, word) for word in command]
        return subprocess.run(
            words,
            cwd=self.home,
            env=self.environment(service),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self, service: ComposeService) -> None:
        """Start a service's command behind the image's entry point; its output goes to a file of its name."""
        words = [*entrypoint(), *(self.here(service.name, word) for word in service.command)]
        with self.log(service.name).open("w") as log:
            self.running[service.name] = subprocess.Popen(
                words,
                cwd=self.home,
                env=self.environment(service),
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=hear_interrupts,
                umask=0o022,
            )

    def wait_until_healthy(self, service: ComposeService) -> None:
        """Call the service's own check until it succeeds."""
        assert service.healthcheck[0] == "CMD"
        until = time.monotonic() + HEALTHY_SECONDS
        while True:
            done = self.call(service, service.healthcheck[1:])
            if done.returncode == 0:
                return
            assert self.running[service.name].poll() is None, self.log(service.name).read_text()
            assert time.monotonic() < until, (done.stderr[-500:], self.log(service.name).read_text()[-2000:])
            time.sleep(1)

    def log(self, name: str) -> Path:
        """Return the file with a service's output."""
        return self.folder / f"{name}.log"

    def stop(self) -> dict[str, int]:
        """Stop every service as Compose does, the last started first; their exit codes, and nothing outlives it."""
        ours = [child for one in self.running.values() for child in _with_children(one.pid)]
        codes = {}
        for name, process in reversed(self.running.items()):
            process.send_signal(signal.SIGTERM)
            try:
                codes[name] = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        _, left = psutil.wait_procs(ours, timeout=60)
        for one in left:
            one.kill()
        return codes


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
