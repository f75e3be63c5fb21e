"""Receiver: deliveries per second over 32 connections, stored durably, against the same server answering 204 to all."""

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.tables.webhooks import inbox, subscriptions
from sequel_assets.webhooks.receiver.app import Receiver
from sequel_assets.webhooks.receiver.body import Bounds
from sequel_assets.webhooks.receiver.server import listen, server
from sequel_assets.webhooks.receiver.verify import VerificationRules
from sequel_assets_tests.support.postgres import PostgresServer

HEADINGS = ("server", "per second", "p50 ms", "p99 ms", "of 204's rate (goal >= 0.5)")
CONNECTIONS, SECONDS, ROUNDS = 32, 3.0, 3
ENDED, CAPABILITY, KEY = "virtual-stage-event-ended", "c" * 43, "k" * 40
BARE, SYNC = "204 to all", "one sync to that disk"
SEAL_KEY = Fernet.generate_key().decode()


def run() -> Iterator[tuple[str, float, float, float, float | None]]:
    """Yield a row per server; they are measured in turns, and the median round counts."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        postgres = PostgresServer.start(fsync="on", synchronous_commit="on", full_page_writes="on")
        stack.callback(postgres.stop)
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'bench.db'}", "PostgreSQL": postgres.url("postgres")}
        for url in urls.values():
            _prepare(url)
        ports = {BARE: stack.enter_context(_served(None))}
        ports |= {f"receiver, {name}": stack.enter_context(_served(url)) for name, url in urls.items()}
        rounds = []
        for _ in range(ROUNDS):
            rounds.append({name: asyncio.run(_load(port)) for name, port in ports.items()})
            rounds[-1][SYNC] = _syncs(Path(folder) / "sync")
        acknowledged = {name: sum(one[name][0] for one in rounds) for name in ports}
        for name, url in urls.items():
            stored = _stored(url)
            if stored != acknowledged[f"receiver, {name}"]:
                raise SystemExit(
                    f"{name}: {stored} notifications stored, {acknowledged[f'receiver, {name}']} acknowledged"
                )
    for name in (*ports, SYNC):
        ratios = [one[name][1] / one[BARE][1] for one in rounds]
        rate, p50, p99 = (statistics.median(one[name][place] for one in rounds) for place in (1, 2, 3))
        yield name, rate, p50, p99, None if name in (BARE, SYNC) else statistics.median(ratios)


async def _load(port: int) -> tuple[int, float, float, float]:
    """Return acknowledged deliveries, their rate, p50 and p99 in ms; each connection waits for its answers."""
    until, began = time.perf_counter() + SECONDS, time.perf_counter()
    waits = list(
        itertools.chain.from_iterable(await asyncio.gather(*(_deliver(port, until) for _ in range(CONNECTIONS))))
    )
    rate = len(waits) / (time.perf_counter() - began)
    cuts = statistics.quantiles(waits, n=100)
    return len(waits), rate, cuts[49] * 1000, cuts[98] * 1000


def _syncs(path: Path) -> tuple[int, float, float, float]:
    """Return the same for writing and syncing 32 KiB, one after the other: the bound of every durable store."""
    waits, began = [], time.perf_counter()
    with path.open("ab", buffering=0) as file:
        while (start := time.perf_counter()) < began + 1:
            file.write(bytes(32 << 10))
            os.fdatasync(file.fileno())
            waits.append(time.perf_counter() - start)
    cuts = statistics.quantiles(waits, n=100)
    return len(waits), len(waits) / (time.perf_counter() - began), cuts[49] * 1000, cuts[98] * 1000


async def _deliver(port: int, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits = []
    while (sent := time.perf_counter()) < until:
        body = _body()
        head = f"POST /{CAPABILITY} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        head += f"x-introvoke-web-hook-auth: {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if answer[9:12] == b"200":
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        elif answer[9:12] != b"204":
            raise SystemExit(f"the server answered {answer[:40]!r}")
        waits.append(time.perf_counter() - sent)
    writer.close()
    return waits


def _body() -> bytes:
    users = [
        {"_id": f"{n:024x}", "uid": f"u{n}", "name": f"Person {n}", "email": f"p{n}@example.com"} for n in range(10)
    ]
    details: dict[str, object] = {"companyId": "root", "companyName": "Root", "eventId": "e1", "eventName": "Event"}
    details |= {"users": users, "totalCount": 10, "page": 1, "size": 10}
    delivery = {
        "eventType": ENDED,
        "webHookInvocationId": os.urandom(12).hex(),
        "correlationId": "c",
        "details": details,
    }
    return json.dumps({**delivery, "timestamp": datetime.now(UTC).isoformat()}).encode()


def _prepare(url: str) -> None:
    warehouse = Warehouse(url)
    schema.migrate(warehouse)
    row = {"company_id": "root", "capability_hash": hash_of(CAPABILITY), "event_type": ENDED}
    with warehouse.write() as connection:
        sealed = Seal([SEAL_KEY]).seal(KEY)
        connection.execute(sa.insert(subscriptions).values(**row, sealed_secret=sealed, created_at=datetime.now(UTC)))
    warehouse.dispose()


def _stored(url: str) -> int:
    warehouse = Warehouse(url)
    with warehouse.read() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(inbox)).scalar_one()
    warehouse.dispose()
    return int(count)


@contextlib.contextmanager
def _served(url: str | None) -> Iterator[int]:
    """Serve from its own process and yield the port."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(url, SEAL_KEY, theirs))
    process.start()
    try:
        yield int(ours.recv())
    finally:
        process.terminate()
        process.join()


def _serve(url: str | None, seal_key: str, pipe: "multiprocessing.connection.Connection") -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    plug = listen("127.0.0.1", 0)
    app: Any
    if url is None:
        app = Starlette(routes=[Route("/{capability}", _nothing, methods=["POST"])])
    else:
        warehouse = Warehouse(url, is_durable=True)
        rules = VerificationRules(
            "x-introvoke-web-hook-auth", frozenset({"key", "timestamp", "company"}), timedelta(days=3), ()
        )
        bounds = Bounds(1 << 20, 32 << 20, 15, 256)
        app = Receiver(warehouse, Seal([seal_key]), rules, bounds, lambda: datetime.now(UTC)).app("")
    pipe.send(plug.getsockname()[1])
    server(app, 15).run([plug])


async def _nothing(request: Request) -> Response:
    await request.body()
    return Response(status_code=204)
