"""docs/webhooks.md says what the receiver does: its answers, its bounds and its spellings of a time are those of the code."""

import re
from datetime import UTC, datetime

from sequel_assets.cli.commands import serve
from sequel_assets.settings import Settings
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.receiver import (
    app,
    batch_writer,
    body_encoding,
    db_threads,
    payload,
    server,
    signatures,
    timestamps,
)
from sequel_assets.webhooks.receiver.log import REFUSALS_PER_SECOND
from sequel_assets.webhooks.receiver.verify import Verification
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.webhooks.receiver.forged import KINDS

PAGE = PROJECT.joinpath("docs", "webhooks.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
PROMISES = (
    (f"finishes what has begun (at most {server.STOP_SECONDS} seconds)", 30),
    (f"the receiver takes {server.MAX_CONNECTIONS:,} connections", 1_000),
    (f"after {server.CROWDED_SECONDS:g} seconds while more than {server.MAX_CONNECTIONS // 2} are open", 2),
    (f"Headers: {server.HEADER_BYTES >> 10} KiB with the request line", 16),
    (f"`SEQUEL_WEBHOOK_READ_SECONDS` ({DEFAULTS['webhook_read_seconds']:g})", 15),
    (f"`SEQUEL_WEBHOOK_CONCURRENCY` ({DEFAULTS['webhook_concurrency']}) deliveries under way", 256),
    (f"`SEQUEL_WEBHOOK_BODY_BYTES` ({DEFAULTS['webhook_body_bytes'] >> 20} MiB)", 1),
    (f"`SEQUEL_WEBHOOK_ENDED_BODY_BYTES` ({DEFAULTS['webhook_ended_body_bytes'] >> 20} MiB)", 32),
    (f"`SEQUEL_WEBHOOK_KEEP_DAYS` ({DEFAULTS['webhook_keep_days']})", 90),
    (
        f"{app.UNAUTHENTICATED_BYTES >> 10} KiB of such a body are waited for, a second, and for {app.MAX_UNAUTHENTICATED} of them",
        64,
    ),
    (f"more than {('no', 'one', 'two', 'three', 'four')[app.LARGE_AT_ONCE]} bodies above 1 MiB at once", 4),
    (f"more than {server.FREE_PIECES:,} pieces of less than {server.SMALLEST_PIECE} bytes", 2_000),
    (f"ids of {payload.LONGEST_ID} printable characters", 200),
    (f"({body_encoding.FREE_BYTES >> 10} KiB are free)", 64),
    (f"of {len(KINDS)} kinds", len(KINDS)),
    (f"outside {timestamps.FIRST_YEAR} to {timestamps.AFTER_LAST_YEAR - 1}", 2000),
)


def test_every_bound_is_the_codes() -> None:
    """As a phrase of the page; those that are said in words are compared as numbers."""
    assert [promise for promise, _ in PROMISES if promise not in TEXT] == []
    assert (db_threads.PATIENCE_SECONDS, batch_writer.PATIENCE_SECONDS, serve.BUSY_SECONDS) == (10, 10, 10)
    assert (app.UNAUTHENTICATED_SECONDS, signatures.TOLERANCE.total_seconds(), REFUSALS_PER_SECOND) == (1, 300, 10)
    assert (payload.MAX_PARTS, body_encoding.MAX_TIMES, DEFAULTS["webhook_window_hours"]) == (3_000_000, 100, 72)
    assert len(WebhookType) == 6


def test_every_status_has_its_line() -> None:
    """And no other; what is repeated is said too."""
    told = set(map(int, re.findall(r"\| (\d{3}) \| ", TEXT.split("| answer | when |")[1].split("###")[0])))
    assert told == {verdict.status for verdict in Verification} | {405}


def test_every_example_of_a_time_is_read_as_the_same_moment() -> None:
    """To the second."""
    rows = PAGE.split("| spelling | example |")[1].split("\n\n")[0].splitlines()[2:]
    examples = [one for row in rows for one in re.findall(r"`([^`]+)`", row.split(" | ")[1])]
    read = [timestamps.of_text(one) for one in examples]
    assert len(read) == 9
    assert {moment and moment.replace(microsecond=0) for moment in read} == {
        datetime(2026, 11, 30, 6, 11, 23, tzinfo=UTC)
    }
