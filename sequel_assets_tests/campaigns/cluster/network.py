"""Hosts that are network namespaces of this machine, each with an address of its own on one bridge. Needs root and `ip`."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CLONE_NEWNET = 0x40000000


def why_not() -> str:
    """Return why no namespaces can be made here, or nothing."""
    if shutil.which("ip") is None:
        return "no command `ip` for network namespaces (Debian: iproute2)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"sq{uuid.uuid4().hex[:6]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made: {made.stderr.strip()}"
    _ip("netns", "del", name)
    return ""


class ClusterHost:
    """A host: a namespace, its address, and its plug in the bridge."""

    def __init__(self, network: Network, name: str, address: str) -> None:
        self.network, self.name, self.address = network, name, address
        self.namespace, self.plug = f"{network.prefix}{name}", f"{network.prefix}{name[:6]}"
        _ip("netns", "add", self.namespace)
        inner = f"{self.plug}x"
        _ip("link", "add", self.plug, "type", "veth", "peer", "name", inner, "netns", self.namespace)
        _ip("link", "set", self.plug, "master", network.bridge, "up")
        for command in (
            ("addr", "add", f"{address}/24", "dev", inner),
            ("link", "set", inner, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", self.namespace, *command)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be on this host: what this thread starts and connects to meanwhile is there."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY)
        try:
            _enter(there)
            yield
        finally:
            _enter(before)
            os.close(there)
            os.close(before)

    def unplug(self) -> None:
        """Cut it off: packets vanish without an answer, and no connection notices."""
        _ip("link", "set", self.plug, "nomaster")

    def plug_in(self) -> None:
        """Connect it again."""
        _ip("link", "set", self.plug, "master", self.network.bridge)

    def remove(self) -> None:
        """Delete the namespace, and with it the plug."""
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self.plug)
        _ip("netns", "del", self.namespace)


class Network:
    """A bridge with hosts; this machine is `address` on it. A context manager that leaves nothing behind."""

    def __init__(self) -> None:
        number = os.getpid() % 250
        self.prefix = f"sq{uuid.uuid4().hex[:4]}"
        self.bridge, self._net = f"{self.prefix}br", f"10.{77 + number % 100}.{number}"
        self.address = f"{self._net}.1"
        self.hosts: dict[str, ClusterHost] = {}

    def __enter__(self) -> Network:
        """Make the bridge."""
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("addr", "add", f"{self.address}/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")
        return self

    def __exit__(self, *error: object) -> None:
        """Remove hosts and bridge."""
        for host in self.hosts.values():
            host.remove()
        _ip("link", "del", self.bridge)

    def host(self, name: str) -> ClusterHost:
        """Return a host, made if it is new."""
        if name not in self.hosts:
            self.hosts[name] = ClusterHost(self, name, f"{self._net}.{10 + len(self.hosts)}")
        return self.hosts[name]


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
