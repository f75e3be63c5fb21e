"""`sequel-assets inbox` and `replay` as people call them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import notifications
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.inboxes import deliver, notification, rows
from sequel_assets_tests.support.small_world import BOLT, NOW, small_world


def test_hints_are_listed_with_what_became_of_them_and_put_back(tmp_path: Path) -> None:
    """Handled, then put back, then waiting; by event and by time; nothing personal."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as sandbox:
        folder = tmp_path / "checkout"
        folder.mkdir()
        checkout = Checkout(folder, sandbox)
        assert checkout.quickly("migrate").returncode == 0
        warehouse = Warehouse(checkout.url)
        assert checkout.quickly("inbox").stdout == "The inbox holds no notification.\n"
        deliver(
            warehouse,
            notification(BOLT, "e-bolt", NOW - timedelta(hours=5), page=1, pages=2),
            notification(BOLT, "e2", NOW),
        )
        with warehouse.write() as connection:
            ((first, _),) = notifications.waiting(connection, ["virtual-stage-event-ended"])
            notifications.claim(connection, [first], run_id="run-1", at=NOW)
        with warehouse.write() as connection:
            ((first, _),) = notifications.waiting(connection, ["virtual-stage-event-ended"])
            notifications.close(connection, first, "the refresh through 2026-03-03 11:00 covers it", at=NOW)
        done = checkout.call("inbox", "--json")  # once as a program of its own
        assert (done.returncode, done.stderr) == (0, "")
        newest, oldest = json.loads(done.stdout)["hints"]
        assert (oldest["event_id"], oldest["batch"], oldest["run_id"]) == ("e-bolt", "1 of 2", "run-1")
        assert oldest["state"] == "handled: the refresh through 2026-03-03 11:00 covers it"
        assert (newest["verdict"], newest["state"]) == ("accepted", "waits: its company is to be looked up")
        assert "covers it" in checkout.quickly("inbox").stdout
        assert "e-bolt" not in checkout.quickly("inbox", "--waiting").stdout
        done = checkout.quickly("replay", "--since", "2026-03-03", "--event", "e-bolt")
        assert done.stdout == (
            "1 notifications were put back; the sensors process them, and the batches of one event are one refresh.\n"
        )
        assert [row["handled_at"] for row in rows(warehouse)] == [None, None]
        assert checkout.quickly("inbox").stdout.count("put back") == 1
        done = checkout.quickly("replay", "--since", "2026-03-03T10:00Z")
        assert (
            done.stdout
            == "No notification since 2026-03-03 10:00 UTC was handled or tried in vain, so none was put back.\n"
        )
        warehouse.dispose()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["replay", "--since", "yesterday"],
            "--since yesterday: it must be a day (UTC) such as 2026-11-23, or a time such as",
        ),
        (["replay", "--since", "2026-13-01"], "--since 2026-13-01: it must be a day"),
        (["inbox", "--since", "12:00"], "--since 12:00: it must be a day"),
        (["replay", "--since", "2999-01-01"], "--since 2999-01-01T00:00Z is in the future; it is 2026-03-03T15:07Z"),
        (
            ["replay", "--since", "2026-03-01", "--event", "e9"],
            "--event e9: no notification in the inbox names this event",
        ),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    """Exit code 2, and nothing is changed."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as sandbox:
        folder = tmp_path / "checkout"
        folder.mkdir()
        checkout = Checkout(folder, sandbox)
        assert checkout.quickly("migrate").returncode == 0
        done = checkout.quickly(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(words)
    assert len(done.stderr.splitlines()) == 1
