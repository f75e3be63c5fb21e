"""TLS to PostgreSQL: `sslmode=verify-full` in the warehouse's URL lets in the server that it names, and no other.

The server is played at the wire up to the first word of the client, in which the user and later the password would stand.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError

ASKS_FOR_TLS = struct.pack("!ii", 8, 80877103)
REFUSAL = b"SFATAL\0VFATAL\0C28000\0Mthe played server lets nobody in\0\0"


class PlayedServer:
    """Answers each connection with TLS, or says that it has none; `heard` is what clients said of themselves, and how."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        said = connection.recv(4096)
        if said == ASKS_FOR_TLS:
            connection.sendall(b"S" if self._context else b"N")
            if self._context is None:
                said = connection.recv(4096)
            else:
                with self._context.wrap_socket(connection, server_side=True) as safe:
                    self._hear("over TLS", safe.recv(4096))
                    safe.sendall(b"E" + struct.pack("!i", len(REFUSAL) + 4) + REFUSAL)
                    return
        self._hear("in clear", said)

    def _hear(self, how: str, said: bytes) -> None:
        if said:
            self.heard.append((how, said))

    def close(self) -> None:
        """Hear nobody any more."""
        self._listening.close()


AUTHORITY, STRANGER = trustme.CA(), trustme.CA()


@pytest.fixture
def played() -> Iterator[Callable[[bool], PlayedServer]]:
    """Make servers whose certificate is for `localhost`, of an authority that is known."""
    made: list[PlayedServer] = []

    def make(has_tls: bool) -> PlayedServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("localhost").configure_cert(context)
        made.append(PlayedServer(context if has_tls else None))
        return made[-1]

    yield make
    for server in made:
        server.close()


def refused(url: str) -> str:
    """Why a warehouse cannot be read; one line."""
    warehouse = Warehouse(url)
    try:
        with pytest.raises(WarehouseError, match=r"^the warehouse [^\n]*$") as told, warehouse.read():
            pass
    finally:
        warehouse.dispose()
    return str(told.value)


def url_of(server: PlayedServer, folder: Path, authority: trustme.CA, host: str = "localhost", mode: str = "verify-full") -> str:  # fmt: skip
    """The URL of a warehouse there."""
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return f"postgresql://etl@{host}:{server.port}/numbers?sslmode={mode}&sslrootcert={folder / 'ca.pem'}&hostaddr=127.0.0.1&gssencmode=disable"


def test_the_server_that_is_named_is_spoken_to_and_over_tls_alone(
    played: Callable[[bool], PlayedServer], tmp_path: Path
) -> None:
    server = played(True)
    refused(url_of(server, tmp_path, AUTHORITY))
    assert {how for how, _ in server.heard} == {"over TLS"}
    assert b"user\0etl\0" in server.heard[0][1]


@pytest.mark.parametrize(
    ("has_tls", "authority", "host"),
    [(True, STRANGER, "localhost"), (True, AUTHORITY, "other.example"), (False, AUTHORITY, "localhost")],
    ids=["another authority", "another name", "no TLS"],
)
def test_any_other_server_hears_nothing(
    played: Callable[[bool], PlayedServer], tmp_path: Path, has_tls: bool, authority: trustme.CA, host: str
) -> None:
    """Not even who the user is; and it is told in one line."""
    server = played(has_tls)
    refused(url_of(server, tmp_path, authority, host))
    assert server.heard == []


def test_without_it_whatever_answers_is_believed(played: Callable[[bool], PlayedServer], tmp_path: Path) -> None:
    """Why docs/security.md asks for it: this is how PostgreSQL's clients are by themselves."""
    server = played(False)
    refused(url_of(server, tmp_path, AUTHORITY, mode="prefer").replace(f"&sslrootcert={tmp_path / 'ca.pem'}", ""))
    assert next(how for how, _ in server.heard) == "in clear"
