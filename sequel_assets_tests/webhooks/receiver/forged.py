"""Forged and malformed deliveries by the thousand: `python -m sequel_assets_tests.webhooks.receiver.forged 100000` (`make forged`).

Prints, per kind, how they were answered and how long that took, and the receiver's memory while it went on; exits 1, and
says why, where one was accepted, a row was written, the log told of any content, memory grew, or a kind was slow.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gzip
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil

from sequel_assets.cli.support.terminal import console, table
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets_tests.webhooks.receiver.harness import (
    CAPABILITY,
    CREATED,
    HEADER,
    KEY,
    NOW,
    OLD_KEY,
    OTHER_CAPABILITY,
    OTHER_KEY,
    SEAL,
    Process,
    delivery,
    encoded,
    request,
    settle_companies,
    stored,
    subscribe,
)

MARK = "CONTENT-MARK"
"""Stands in every forged body and header; never in the log."""
SENDERS = 32


def _body(**different: object) -> bytes:
    return encoded(delivery(MARK, correlationId=MARK, **different))


def _with(field_: bytes) -> bytes:
    return _body().replace(b'"eventType"', field_ + b', "eventType"', 1)


def _chunked(body: bytes, key: str = KEY, capability: str = CAPABILITY, end: bytes = b"0\r\n\r\n") -> bytes:
    head = request(b"", capability, key).replace(b"content-length: 0", b"transfer-encoding: chunked")
    return head + f"{len(body):x}\r\n".encode() + body + b"\r\n" + end


def _length(body: bytes, told: int) -> bytes:
    head, _, rest = request(body).partition(b"\r\n\r\n")
    return (
        head.replace(f"content-length: {len(body)}".encode(), f"content-length: {told}".encode()) + b"\r\n\r\n" + rest
    )


def _crumbs(capability: str) -> bytes:
    """64 KiB in chunks of one byte."""
    head = request(b"", capability).replace(b"content-length: 0", b"transfer-encoding: chunked")
    return head + b"1\r\nx\r\n" * (64 << 10) + b"0\r\n\r\n"


MEGABYTE = b"x" * (1 << 20)
NOTHING = gzip.compress(b"\0" * (32 << 20))
KINDS: Mapping[str, Callable[[], bytes]] = {
    "no capability": lambda: request(_body(), ""),
    "wrong capability": lambda: request(_body(), MARK + "x" * 31),
    "an ended subscription's": lambda: request(_body(), "e" * 43),
    "right key at another's capability": lambda: request(_body(), OTHER_CAPABILITY),
    "another's key": lambda: request(_body(), CAPABILITY, OTHER_KEY),
    "no key": lambda: request(_body(), key=None),
    "wrong key": lambda: request(_body(), key=MARK),
    "old key": lambda: request(_body(), key=OLD_KEY),
    "wrong company": lambda: request(_body(details={"companyId": "other"})),
    "another event type": lambda: request(_body(eventType=CREATED)),
    "replayed after the window": lambda: request(_body(timestamp=(NOW - timedelta(days=4)).isoformat())),
    "JSON of depth 100,000": lambda: request(_with(b'"x": ' + b"[" * 100_000 + b"]" * 100_000)),
    "objects of depth 100,000": lambda: request(_with(b'"x": ' + b'{"x":' * 100_000 + b"1" + b"}" * 100_000)),
    "10 MB": lambda: request(_body(eventType=CREATED) + MEGABYTE * 10, OTHER_CAPABILITY, OTHER_KEY),
    "10 MB in chunks": lambda: _chunked(_body(eventType=CREATED) + MEGABYTE * 10, OTHER_KEY, OTHER_CAPABILITY),
    "chunks that never end": lambda: _chunked(_body(), end=b""),
    "a length too long": lambda: _length(_body(), 100_000),
    "a length too short": lambda: _length(_body(), 50),
    "two lengths": lambda: request(_body(), Content_Length="3"),
    "invalid UTF-8": lambda: request(_body().replace(b'"e1"', b'"\xff\xfe"')),
    "UTF-16": lambda: request(_body().decode().encode("utf-16")),
    "NUL": lambda: request(_body(details={"eventId": "e\x001"})),
    "half a surrogate": lambda: request(_body(details={"eventId": "\ud800"})),
    "a key twice": lambda: request(_body().replace(b'"eventType"', b'"eventType": "x", "eventType"', 1)),
    "a number of 10,000 digits": lambda: request(_body().replace(b'"e1"', b"9" * 10_000)),
    "no number": lambda: request(_body().replace(b'"e1"', b"NaN")),
    "a time of another zone": lambda: request(_body(timestamp="Mon, 09 Mar 2026 10:07:00 EST")),
    "an id of 10,000 characters": lambda: request(_body(details={"companyId": "x" * 10_000})),
    "a header of 1 MB": lambda: request(_body(), x_long="x" * (1 << 20)),
    "headers of 100 KB at once": lambda: request(_body(), x_long="x" * 100_000),
    "32 MiB of nothing in gzip": lambda: request(NOTHING, content_encoding="gzip"),
    "deflate": lambda: request(zlib.compress(_body()), content_encoding="deflate"),
    "a stranger's body that never comes": lambda: _length(b"", 10).replace(CAPABILITY.encode(), b"x" * 43),
    "a stranger's crumbs": lambda: _crumbs("x" * 43),
    "crumbs with both secrets": lambda: _crumbs(CAPABILITY),
    "no HTTP": lambda: b"\x16\x03\x01\x02\x00" + MARK.encode() + b"\r\n\r\n",
}
SLOW = ("chunks that never end", "a length too long", "a stranger's body that never comes")
"""They wait for what does not come, until the receiver's patience ends."""
MAX_GROWTH, MAX_SECONDS, MAX_SECONDS_IN_VAIN = 1.5, 5.0, 10.0
"""What memory and the 99th percentile of a kind may come to, the receiver's patience being a second: also on a busy machine."""


@dataclass
class ForgedResult:
    """How the forged deliveries of a kind were answered; 0 where the connection was closed without a word."""

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    seconds: list[float] = field(default_factory=list)

    def percentile(self, part: float) -> float:
        """How long such a part of them took at most."""
        return sorted(self.seconds)[int(len(self.seconds) * part)]


@dataclass
class ForgedOutcome:
    """What became of all of them."""

    results: dict[str, ForgedResult]
    memory_mib: list[float]
    """The receiver's memory, from when a tenth of them had been sent."""
    rows: int
    log: str
    good: int
    """How a good delivery is answered afterwards."""

    def wrong(self) -> list[str]:
        """What is not as it must be, in words."""
        accepted = sum(result.statuses[200] for result in self.results.values())
        grown = max(self.memory_mib) / min(self.memory_mib)
        found = {
            f"{accepted} were accepted": accepted,
            f"{self.rows} rows were stored": self.rows,
            f"a good one is answered with {self.good} afterwards": self.good != 200,
            "the log tells of content, or of a mistake": any(one in self.log for one in (MARK, HEADER, "Traceback")),
            f"memory grew {grown:.1f} times": grown > MAX_GROWTH,
        }
        for kind, result in self.results.items():
            bound = MAX_SECONDS_IN_VAIN if kind in SLOW else MAX_SECONDS
            found[f"{kind}: p99 {result.percentile(0.99):.1f} s"] = result.percentile(0.99) > bound
        return [words for words, is_so in found.items() if is_so]


async def _send(port: int, raw: bytes) -> int:
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(raw)
            with contextlib.suppress(OSError):
                await writer.drain()
            answer = await reader.read(100)
            return int(answer[9:12]) if answer else 0
        finally:
            writer.close()
    return 0


async def _send_all(port: int, each: int, pid: int) -> tuple[dict[str, ForgedResult], list[float]]:
    results = {kind: ForgedResult() for kind in KINDS}
    raw = {kind: make() for kind, make in KINDS.items()}
    todo = collections.deque(kind for _ in range(each) for kind in KINDS)
    total, memory, process = len(todo), list[float](), psutil.Process(pid)

    async def sender() -> None:
        while todo:
            kind = todo.popleft()
            began = time.perf_counter()
            results[kind].statuses[await _send(port, raw[kind])] += 1
            results[kind].seconds.append(time.perf_counter() - began)
            if len(todo) % max(1, total // 50) == 0 and len(todo) < total * 0.9:
                memory.append(process.memory_info().rss / (1 << 20))

    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    return results, memory


def send_forged(url: str, folder: Path, each: int, **settings: str) -> ForgedOutcome:
    """Send so many of each kind to a receiver in a process of its own."""
    warehouse = Warehouse(url)
    settle_companies(warehouse)
    old = {"sealed_previous_secret": SEAL.seal(OLD_KEY), "previous_until": NOW - timedelta(seconds=1)}
    subscribe(warehouse, **old)
    subscribe(warehouse, OTHER_CAPABILITY, OTHER_KEY, CREATED)
    subscribe(warehouse, "e" * 43, ended_at=NOW)
    process = Process(url, folder, **settings)
    results, memory = asyncio.run(_send_all(process.port, each, process.process.pid))
    rows = len(stored(warehouse))
    good = asyncio.run(_send(process.port, request(encoded(delivery("good")))))
    process.stop()
    warehouse.dispose()
    return ForgedOutcome(results, memory, rows, process.log.read_text(), good)


def main(wanted: int) -> int:
    """Send at least so many in all, print what became of them."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/warehouse.db"
        warehouse = Warehouse(url)
        migrate(warehouse)
        warehouse.dispose()
        each = -(-wanted // len(KINDS))
        began = time.monotonic()
        outcome = send_forged(url, Path(folder), each, SEQUEL_WEBHOOK_READ_SECONDS="1")
        took = time.monotonic() - began
    rows = []
    for kind, result in outcome.results.items():
        statuses = ", ".join(f"{status or 'closed'}: {n:,}" for status, n in sorted(result.statuses.items()))
        rows.append((kind, statuses, result.percentile(0.5) * 1000, result.percentile(0.99) * 1000))
    table(f"{each * len(KINDS):,} forged deliveries in {took:,.0f} s", ("kind", "answers", "p50 ms", "p99 ms"), rows)
    accepted = sum(result.statuses[200] for result in outcome.results.values())
    memory = outcome.memory_mib
    console().print(f"accepted: {accepted}; rows: {outcome.rows}; a good one afterwards: {outcome.good}")
    console().print(
        f"memory, MiB: {memory[0]:.0f} after a tenth, {max(memory):.0f} at most, {memory[-1]:.0f} at the end"
    )
    console().print(f"log: {len(outcome.log.splitlines()):,} lines, content in it: {MARK in outcome.log}")
    for words in outcome.wrong():
        console().print(f"WRONG: {words}", markup=False)
    return 1 if outcome.wrong() else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
