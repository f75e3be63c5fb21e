"""Dagster's three processes for a command: the code location, the daemon and the pages. None of them outlives it.

`dagster dev` would start one more to watch them, warn of what is so on purpose, and take five seconds to end. Its lines of
every look of every sensor are left out: warnings and errors remain, and what a look found is on the sensor's page.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import httpx

from sequel_assets.cli.support.signals import SIGNALS, signals_deferred
from sequel_assets.cli.support.terminal import UsageError, console

LOCATION = "sequel_assets"
"""What Dagster's pages call the code, as in the project's workspace.yaml."""
WORKSPACE = f"""load_from:
  - grpc_server: {{{{socket: "{{socket}}", location_name: {LOCATION}}}}}
"""
START_SECONDS = 120
STOP_SECONDS = 1.0
"""How long processes may take to end by themselves: what they write is kept in transactions."""
QUIET = ("--log-level", "warning")
POLL_MILLISECONDS = "2000"
"""How often a page asks for what is new, as under `dagster dev`."""
Processes = list["subprocess.Popen[bytes]"]
"""Code location, daemon, pages."""


@contextmanager
def dagster_services(port: int, log: IO[bytes] | None = None, *, reloads: bool = False) -> Iterator[Processes]:
    """Start the processes, yield them, and end them with whatever they have started.

    They write to `log`, or to the terminal. `reloads`: the button of Dagster's pages loads changed code, which takes a
    process more.
    """
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="sequel_assets"))
        )  # a socket's path is short
        code, workspace = folder / "code", folder / "workspace.yaml"
        workspace.write_text(WORKSPACE.format(socket=code))
        started: Processes = []
        stack.callback(_stop, started)

        def start(*command: str) -> "subprocess.Popen[bytes]":
            with signals_deferred():
                process = subprocess.Popen(  # noqa: S603 - no argument comes from outside
                    [sys.executable, "-m", *command],
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                started.append(process)
            return process

        kind = ("code-server", "start") if reloads else ("api", "grpc", "--lazy-load-user-code")
        where = ("--socket", str(code), "--module-name", "sequel_assets.definitions", "--location-name", LOCATION)
        server = start("dagster", *kind, *where, *QUIET)
        deadline = time.monotonic() + START_SECONDS
        while not code.exists() and server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        start("dagster._daemon", "run", "--workspace", str(workspace), *QUIET)
        pages = ("--workspace", str(workspace), "--host", "127.0.0.1", "--port", str(port))
        quiet = ("--dagster-log-level", "warning", "--live-data-poll-rate", POLL_MILLISECONDS)
        start("dagster_webserver", *pages, *quiet)
        yield started


def are_serving(processes: Processes, address: str) -> bool:
    """Wait until the pages answer; return False where they do not."""
    return answers_in_time(processes[-1], f"{address}/server_info", START_SECONDS)


def answers_in_time(process: "subprocess.Popen[bytes]", url: str, seconds: float) -> bool:
    """Wait until a process answers at an address; return False where it ends, or takes longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    return False


def wait_for_any(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Return once one of the processes has ended."""
    while all(process.poll() is None for process in processes):
        time.sleep(0.2)


def free_port_of_ui(port: int) -> int:
    """Return a port for Dagster's pages, and say so where it is another one."""
    free = free_port(port)
    if free != port:
        console().print(f"Port {port} is in use; Dagster's UI takes {free}.")
    return free


def free_port(port: int) -> int:
    """Return a port, or the next one that is free."""
    for candidate in range(port, min(port + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    raise UsageError(f"--port {port}: this and the 99 ports after it are taken")


def _stop(processes: Processes) -> None:
    """End the processes and their children, by SIGTERM first."""
    for number in SIGNALS:  # a second Ctrl-C must not leave some of them running
        signal.signal(number, signal.SIG_IGN)
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        for process in processes:
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
