"""A receiver over a real socket, in a thread or in a process of its own, with a subscription that it knows."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.tables.webhooks import inbox, subscriptions
from sequel_assets.webhooks.receiver.app import Receiver
from sequel_assets.webhooks.receiver.body import Bounds
from sequel_assets.webhooks.receiver.server import ReceiverServer, listen, server
from sequel_assets.webhooks.receiver.verify import VerificationRules
from sequel_assets_tests.support.rows import AT, known_company

NOW = datetime(2026, 3, 9, 15, 7, tzinfo=UTC)
SEAL_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SEAL = Seal([SEAL_KEY])
ENDED, CREATED = "virtual-stage-event-ended", "virtual-stage-created"
CAPABILITY, OTHER_CAPABILITY = "c" * 43, "d" * 43
KEY, OTHER_KEY, OLD_KEY = "the-key-of-ended", "the-key-of-created", "the-key-before"
HEADER = "x-introvoke-web-hook-auth"
RULES = VerificationRules(HEADER, frozenset({"key", "timestamp", "company"}), timedelta(days=3), ())
BOUNDS = Bounds(body_bytes=64 << 10, ended_body_bytes=1 << 20, read_seconds=0.5, concurrency=64)


def subscribe(
    warehouse: Warehouse, capability: str = CAPABILITY, key: str | None = KEY, event_type: str = ENDED, **more: Any
) -> None:
    """Store a subscription of `acme`."""
    row = {"company_id": "acme", "capability_hash": hash_of(capability), "event_type": event_type, "created_at": AT}
    row |= {"sealed_secret": None if key is None else SEAL.seal(key)}
    with warehouse.write() as connection:
        connection.execute(sa.insert(subscriptions).values(**{**row, **more}))


def settle_companies(warehouse: Warehouse) -> None:
    """Store `root` above `acme`, `branch` beneath that, and `other` beside it."""
    with warehouse.write() as connection:
        catalog.save_companies(
            connection,
            [
                known_company("root"),
                known_company("acme", parent_company_id="root", depth=1),
                known_company("branch", parent_company_id="acme", depth=2),
                known_company("other", parent_company_id="root", depth=1),
            ],
            at=AT,
        )


def delivery(invocation_id: str | None = "i1", **different: Any) -> dict[str, Any]:
    """Return an *ended* delivery of `acme`; `details` are added to its own."""
    details = {"companyId": "acme", "companyName": "Acme", "eventId": "e1", "eventName": "Launch"}
    details |= {"users": [{"name": "Ada Secret", "email": "ada@secret.example"}], **different.pop("details", {})}
    body = {"eventType": ENDED, "webHookInvocationId": invocation_id, "correlationId": "c1"}
    return {**body, "timestamp": NOW.isoformat(), "details": details, **different}


def encoded(document: object) -> bytes:
    """Return JSON as bytes."""
    return json.dumps(document).encode()


def stored(warehouse: Warehouse) -> list[Mapping[str, Any]]:
    """Return the inbox, in its order."""
    with warehouse.read() as connection:
        return [row._mapping for row in connection.execute(sa.select(inbox).order_by(inbox.c.id))]


@contextlib.contextmanager
def serving(
    receiver: Receiver, path: str = "/hooks", port: int = 0, header_seconds: float = BOUNDS.read_seconds
) -> Iterator[int]:
    """Serve from a thread; yields the port; stops gracefully."""
    plug = listen("127.0.0.1", port)
    running: ReceiverServer = server(receiver.app(path), header_seconds, loop="asyncio")
    thread = threading.Thread(target=running.run, args=([plug],), daemon=True)
    thread.start()
    try:
        yield plug.getsockname()[1]
    finally:
        running.handle_exit(15, None)
        thread.join(20)
        receiver.close()


def receiver(
    warehouse: Warehouse,
    rules: VerificationRules = RULES,
    bounds: Bounds = BOUNDS,
    now: Callable[[], datetime] = lambda: NOW,
) -> Receiver:
    """Return a receiver with a pinned clock."""
    return Receiver(warehouse, SEAL, rules, bounds, now)


def answered(port: int, raw: bytes, *, end: bool = False) -> int:
    """Send bytes as they are and return the status, 0 where the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plug:
        with contextlib.suppress(OSError):
            plug.sendall(raw)
            if end:
                plug.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in answer and (piece := plug.recv(4096)):
                answer += piece
    return int(answer[9:12]) if answer else 0


def request(body: bytes, capability: str = CAPABILITY, key: str | None = KEY, **headers: str) -> bytes:
    """Return a POST as bytes."""
    lines = [f"POST /hooks/{capability} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
    lines += [f"{HEADER}: {key}"] if key is not None else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Process:
    """`sequel-assets serve receiver` as a user starts it."""

    def __init__(self, url: str, folder: Path, **settings: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEQUEL_")}
        environment |= {
            "SEQUEL_WAREHOUSE_URL": url,
            "SEQUEL_WEBHOOK_SECRET_KEY": SEAL_KEY,
            "SEQUEL_WEBHOOK_URL": "https://hooks.example.com/hooks",
            "SEQUEL_NOW": NOW.isoformat(),
        }
        self.log = folder / "receiver.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sequel_assets.cli", "serve", "receiver", "--port", "0"],
                env=environment | settings,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)/", self.said)
        assert found, self.said + self.log.read_text()
        self.port = int(found[1])

    def stop(self, how: str = "terminate") -> int:
        """End it by SIGTERM, or `kill` it; returns its exit code."""
        getattr(self.process, how)()
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
