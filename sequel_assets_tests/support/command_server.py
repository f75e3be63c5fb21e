"""Start `sequel-assets ...` as processes of their own without the second or two that each takes to import.

A server that has imported the package forks a process for each command. Such a process has its own arguments, folder,
environment, umask, streams and signals, ends as any other, and runs `sequel_assets.cli` as `python -m` does, with
Dagster's SQLite storage pooled. What is about the import itself, about Dagster's storage, or about what a fresh
interpreter writes and reads, must start a fresh one instead.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import sequel_assets
from sequel_assets_tests.support.dagster_storage import pooled_storage, shard
from sequel_assets_tests.support.paths import PROJECT

_LENGTH = 8


class ForkedCommand(subprocess.Popen[str]):
    """A command that the server forked, used as if it were a process that was started here."""

    def __init__(self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self.args = ["sequel-assets", *arguments]
        self.returncode = None
        self.stdin, self.text_mode, self.encoding, self.errors = None, True, None, None
        self._communication_started, self._input, self._child_created = False, None, True
        self._waitpid_lock = threading.Lock()
        umask = os.umask(0)
        os.umask(umask)
        about = json.dumps({"arguments": [*arguments], "cwd": str(cwd), "env": dict(env), "umask": umask}).encode()
        out, err = os.pipe(), os.pipe()
        self._server, there = socket.socketpair()
        try:
            socket.send_fds(_server(), [b"x"], [out[1], err[1], there.fileno()])
        finally:
            for number in (out[1], err[1]):
                os.close(number)
            there.close()
        self._server.sendall(len(about).to_bytes(_LENGTH, "big") + about)
        self.stdout, self.stderr = os.fdopen(out[0]), os.fdopen(err[0])
        self.pid = _read_number(self._server)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        if self.returncode is None:
            self._server.settimeout(timeout)
            try:
                self.returncode = _read_number(self._server)
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._server.close()
        return self.returncode


def forked_commands() -> list[int]:
    """Return the ids of all processes that the server has started and that have not ended."""
    if not _started.cache_info().currsize:
        return []
    import psutil

    children = psutil.Process(_started()[0].pid).children(recursive=True)
    return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]


def _server() -> socket.socket:
    return _started()[1]


@functools.cache
def _started() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the server of this process, which ends with it."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEQUEL_", "DAGSTER_"))}
    command = [sys.executable, "-m", __name__, str(there.fileno())]
    server = subprocess.Popen(command, cwd=PROJECT, env=kept, pass_fds=[there.fileno()], start_new_session=True)
    there.close()
    atexit.register(_stop, server, here)
    return server, here


def _stop(server: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    server.wait(30)


def _read_number(connection: socket.socket) -> int:
    """Read a whole number; a connection that ends is a server that ended."""
    text = connection.recv(_LENGTH)
    if not text:
        raise RuntimeError("the server of commands has ended")
    return int.from_bytes(text, "big", signed=True)


# --------------------------------------------------------------------------------------------- within the server


def _import_all() -> None:
    """Import and make what any command may need, but for what reads the environment when it is imported."""
    for found in pkgutil.walk_packages(sequel_assets.__path__, "sequel_assets."):
        if ".migrations" not in found.name and not found.name.endswith(("definitions", "__main__")):
            importlib.import_module(found.name)
    for is_index in (False, True):
        shard(for_index_shard=is_index)
    gc.collect()
    gc.freeze()


def _serve(commands: socket.socket) -> dict[str, Any]:
    """Fork a process per command until nobody asks any more; return what it is about, in that process alone."""
    waiting = selectors.DefaultSelector()
    waiting.register(commands, selectors.EVENT_READ)
    while True:
        for ready, _ in waiting.select():
            if ready.data is not None:
                pid, connection = ready.data
                waiting.unregister(ready.fileobj)
                os.close(ready.fd)
                _send_status(connection, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                connection.close()
                continue
            message, fds, *_ = socket.recv_fds(commands, 1, 3)
            if not message:
                raise SystemExit
            connection = socket.socket(fileno=fds[2])
            size = int.from_bytes(connection.recv(_LENGTH, socket.MSG_WAITALL), "big")
            about = connection.recv(size, socket.MSG_WAITALL)
            pid = os.fork()
            if pid == 0:
                os.dup2(fds[0], 1)
                os.dup2(fds[1], 2)
                for kept in (commands, connection, *(key.data[1] for key in waiting.get_map().values() if key.data)):
                    kept.detach()
                waiting.close()
                os.closerange(3, 4096)
                return dict(json.loads(about))
            os.close(fds[0])
            os.close(fds[1])
            _send_status(connection, pid)
            waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, connection))


def _send_status(connection: socket.socket, number: int) -> None:
    try:
        connection.sendall(number.to_bytes(_LENGTH, "big", signed=True))
    except OSError:  # nobody waits for it any more
        return


def _become(about: Mapping[str, Any]) -> None:
    """Be as a fresh process is: arguments, folder, environment, umask, streams, signals."""
    os.environ.clear()
    os.environ.update(about["env"])
    os.chdir(about["cwd"])
    os.umask(about["umask"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")
    sys.stdout = sys.__stdout__ = _stream(1, encoding, errors or "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, encoding, "backslashreplace")  # type: ignore[misc]
    sys.argv = ["sequel-assets", *about["arguments"]]


def _stream(number: int, encoding: str, errors: str) -> IO[str]:
    through = number == 2 or bool(os.environ.get("PYTHONUNBUFFERED"))
    return io.TextIOWrapper(
        os.fdopen(number, "wb", -1), encoding=encoding, errors=errors, line_buffering=through, write_through=through
    )


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _requests = socket.socket(fileno=int(sys.argv[1]))
    _import_all()
    _become(_serve(_requests))
    with pooled_storage():
        runpy.run_module("sequel_assets.cli", run_name="__main__", alter_sys=True)
