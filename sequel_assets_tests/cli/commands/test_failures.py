"""Sequel or the warehouse is not as it should be: exit codes, names of what failed, and the next call."""

import json
import shutil
import sqlite3
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest
import sqlalchemy as sa
import trustme

from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import Sandbox
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import VERSION_TABLE, migrate
from sequel_assets.warehouse.tables.core import companies, metadata, problems
from sequel_assets_tests.cli.checkout import RANGE, Checkout, tables
from sequel_assets_tests.support.small_world import ACME, ROOT
from sequel_assets_tests.support.stage import rows_of

pytestmark = pytest.mark.slow


def test_a_refused_sign_in_exits_3(refusing: Checkout) -> None:
    """One line, and nothing is written."""
    (line,) = refusing.refused(3, *RANGE, SEQUEL_CLIENT_ID="somebody-else")
    assert line.startswith("Sequel's token endpoint refuses the client id and secret (401)")
    assert line.endswith("; nothing half-written; run the same command again when that is fixed")
    assert "sandbox-secret" not in line


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://no-such-host.invalid"])
def test_a_host_that_is_not_there_exits_3(url: str, refusing: Checkout) -> None:
    """Refused connections and unknown names."""
    (line,) = refusing.refused_quickly(3, *RANGE, SEQUEL_API_URL=url, SEQUEL_ANALYTICS_URL=url)
    assert url.partition("://")[2].partition(":")[0] in line


def test_an_untrusted_certificate_exits_3(refusing: Checkout) -> None:
    """TLS that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        (line,) = refusing.refused_quickly(3, *RANGE, SEQUEL_API_URL=url, SEQUEL_ANALYTICS_URL=url)
    finally:
        server.shutdown()
        server.server_close()
    assert "certificate" in line.lower()


def test_a_failing_event_exits_1_and_is_named(whole: Checkout, checkout: Checkout, sandbox: Sandbox) -> None:
    """The other slices are right; the next call heals the rest."""
    sandbox.faults.always("*e-acme/top-participants*", "http_404")
    done = checkout.call(*RANGE)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) >= 9
    assert all(line.startswith("failed: acme-events.") for line in failed)
    assert any("event_participants: " in line and "e-acme" in line for line in failed)
    mine = [row for row in rows_of(checkout.url, SLICED[0]) if row[0] == ACME]
    theirs = [row for row in rows_of(checkout.url, SLICED[0]) if row[0] != ACME]
    assert (mine, theirs) == ([], [row for row in rows_of(whole.url, SLICED[0]) if row[0] != ACME])
    told = json.loads(checkout.quickly("status", "--json").stdout)
    assert {problem["event_id"] for problem in told["problems"] if problem["dataset"] == "event_participants"} == {
        "e-acme"
    }
    sandbox.faults.clear()
    assert checkout.call(*RANGE, "--company", ACME).returncode == 0
    assert tables(checkout.url) == tables(whole.url)
    assert rows_of(checkout.url, problems) == []


def test_a_tree_that_is_not_told_at_first_contact_exits_1_and_has_no_rollup(
    whole: Checkout, checkout: Checkout, sandbox: Sandbox
) -> None:
    """The root's list answers 403, asked twice: the root alone is loaded, the line names it, and the next call heals the rest."""
    sandbox.faults.script("/api/v1/company/root/list", "http_403", 2)
    done = checkout.call(*RANGE)
    assert (done.returncode, sandbox.faults.pending) == (1, 0)
    root = next(row[1] for row in rows_of(whole.url, companies) if row[0] == ROOT)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"{root}: ")]
    assert "Sequel refuses to list its sub-companies (403: is the parent's licence valid?)" in line
    assert [row[0] for row in rows_of(checkout.url, companies)] == [ROOT]
    assert rows_of(checkout.url, metadata.tables["company_rollup"]) == []
    assert checkout.call(*RANGE).returncode == 0
    assert tables(checkout.url) == tables(whole.url)


def test_a_warehouse_of_another_release_is_refused_and_left_alone(checkout: Checkout) -> None:
    """Newer: update; every command says it in one line."""
    warehouse = Warehouse(f"sqlite:///{checkout.folder / 'w.db'}")
    migrate(warehouse)
    with warehouse.write() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    warehouse.dispose()
    before = (checkout.folder / "w.db").read_bytes()
    words = f"the warehouse sqlite:///{checkout.folder / 'w.db'} has schema 9999, which a newer release made; nothing was written; update sequel_assets"
    for command in (RANGE, ["status"], ["migrate"]):
        assert checkout.refused_quickly(2, *command, SEQUEL_WAREHOUSE_URL=f"sqlite:///{checkout.folder / 'w.db'}") == [
            words
        ]
    assert (checkout.folder / "w.db").read_bytes() == before


def test_a_locked_warehouse_is_waited_for(whole: Checkout, checkout: Checkout) -> None:
    """Somebody writes for a while: the backfill takes its turn, and fails nothing."""
    shutil.copytree(whole.folder / ".sequel", checkout.folder / ".sequel")
    holder = sqlite3.connect(checkout.folder / ".sequel" / "warehouse.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    process = checkout.start(*RANGE)
    time.sleep(4)
    assert process.poll() is None
    holder.execute("COMMIT")
    holder.close()
    process.communicate(timeout=60)
    assert process.returncode == 0


FORGETFUL = {"SEQUEL_RETENTION_DAYS": "1", "SEQUEL_LATE_WINDOW_HOURS": "0"}


def test_a_backfill_leaves_out_what_sequel_has_forgotten_and_says_so(checkout: Checkout, sandbox: Sandbox) -> None:
    """Of a range that reaches into it the rest is done; one that is wholly frozen asks nothing, also by force."""
    done = checkout.call(*RANGE, **FORGETFUL)
    assert (done.returncode, done.stderr) == (0, "")
    told = [line for line in done.stdout.splitlines() if line.startswith("frozen: ")]
    assert len(told) == 3
    assert told[0].endswith(
        "2026-03-01 to 2026-03-01 is not requested, since Sequel keeps 1 day (SEQUEL_RETENTION_DAYS); "
        "what is kept here stays; 1 day of it is unknown"
    )
    for force in ([], ["--force"]):
        before = sandbox.requests.count
        done = checkout.call("backfill", "--from", "2026-03-01", "--to", "2026-03-01", *force, **FORGETFUL)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("frozen: ") == 3
        asked = [request.path for request in list(sandbox.requests)[before:]]
        assert asked
        assert [path for path in asked if "analytics" in path] == []
    found = json.loads(checkout.quickly("status", "--json", **FORGETFUL).stdout)
    assert {(one["unknown_days"], one["counts_from"]) for one in found["companies"]} == {(1, "2026-03-02")}
    assert {(one["days"], one["first_day"]) for one in found["datasets"]} == {(2, "2026-03-02")}
    assert found["late"] == []
    assert "Unknown days, forgotten by Sequel" in checkout.quickly("status", **FORGETFUL).stdout
    with checkout.dagster() as instance:
        green = instance.get_materialized_partitions(dg.AssetKey("daily_usage"))
    assert {key.rpartition("|")[2] for key in green} == {"2026-03-02", "2026-03-03"}
    assert checkout.call(*RANGE).returncode == 0  # without the setting: ordinary missing days
    after = json.loads(checkout.quickly("status", "--json").stdout)
    assert {(one["unknown_days"], one["counts_from"]) for one in after["companies"]} == {(0, "2026-03-01")}
    assert {one["days"] for one in after["datasets"]} == {3}
