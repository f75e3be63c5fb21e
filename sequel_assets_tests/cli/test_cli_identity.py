"""Another key, another root, another host: every command and run that writes refuses them in one line, and writes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sequel_assets.orchestration.sensors.new_companies import new_companies_sensor
from sequel_assets.orchestration.sensors.webhooks import webhook_sensors
from sequel_assets.refresh.core import config
from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets.settings import load
from sequel_assets.warehouse.identity.identity import IdentityError
from sequel_assets.warehouse.tables.company_lists import warehouse_identity
from sequel_assets.warehouse.tables.core import metadata
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.commands.calls import variables
from sequel_assets_tests.support.paths import PACKAGE
from sequel_assets_tests.support.small_world import NOW, PERSON_KEY, small_world
from sequel_assets_tests.support.stage import Stage, rows_of, why_failed
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import HERE, KEY

pytestmark = pytest.mark.slow

RANGE = ["--from", "2026-03-01", "--to", "2026-03-01"]
OTHER_KEY = {"SEQUEL_PERSON_KEY": "another person key, 32 characters and more"}
OTHER_ROOT = {"SEQUEL_COMPANY_ID": "bolt"}
OTHER_HOST = {"SEQUEL_API_URL": "https://api.introvoke.com"}
WEBHOOKS = {"SEQUEL_WEBHOOK_URL": HERE, "SEQUEL_WEBHOOK_SECRET_KEY": KEY}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Checkout:
    """A folder with a day backfilled. Do not write to it."""
    folder = tmp_path_factory.mktemp("whole") / "checkout"
    folder.mkdir()
    made = Checkout(folder, sandbox)
    done = made.quickly("backfill", *RANGE, "--workers", "1")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def checkout(tmp_path: Path, sandbox: Sandbox, whole: Checkout) -> Checkout:
    """A copy of it, which may be written to."""
    shutil.copytree(whole.folder, tmp_path / "checkout")
    return Checkout(tmp_path / "checkout", sandbox)


def everything(checkout: Checkout) -> dict[str, list[tuple[object, ...]]]:
    """Return every row."""
    return {table.name: rows_of(checkout.url, table, without=set()) for table in metadata.sorted_tables}


def test_the_first_backfill_writes_down_what_the_warehouse_was_made_with(whole: Checkout) -> None:
    """Root, host, fingerprint, rule; the key itself stands nowhere."""
    ((root, host, fingerprint, rule, _),) = rows_of(whole.url, warehouse_identity, without=set())
    assert (root, host, rule, len(str(fingerprint))) == ("root", "loopback", 2, 32)
    shown = whole.quickly("identity")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [word in shown.stdout for word in ("root", "loopback", str(fingerprint), PERSON_KEY)] == [True] * 3 + [False]
    assert PERSON_KEY.encode() not in (whole.folder / ".sequel" / "warehouse.db").read_bytes()


WRITERS: dict[str, list[str]] = {
    "backfill": ["backfill", *RANGE],
    "backfill --force": ["backfill", *RANGE, "--force"],
    "accept": ["accept", *RANGE, "--company", "bolt"],
    "exclude": ["exclude", "--company", "bolt", "--event", "e-bolt", "--reason", "why"],
    "exclude --undo": ["exclude", "--company", "bolt", "--event", "e-bolt", "--undo"],
    "people link": ["people", "link", "people.csv"],
    "replay": ["replay", "--since", "2026-03-01"],
    "webhooks ensure": ["webhooks", "ensure"],
    "webhooks rotate": ["webhooks", "rotate"],
    "webhooks delete": ["webhooks", "delete"],
    "webhooks rotate --key": ["webhooks", "rotate", "--key"],
    "migrate": ["migrate"],
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize(("told", "name"), [(OTHER_KEY, "SEQUEL_PERSON_KEY"), (OTHER_HOST, "SEQUEL_API_URL")])
def test_every_command_that_writes_refuses_another_key_and_another_host(
    whole: Checkout, sandbox: Sandbox, command: str, told: dict[str, str], name: str
) -> None:
    """In one line, with exit 2; nothing is written, here or at Sequel."""
    (whole.folder / "people.csv").write_text("email,external_id\nada@example.org,7\n")
    before, subscribed = everything(whole), sandbox.webhooks.subscriptions.all()
    (line,) = whole.refused_quickly(2, *WRITERS[command], **{**WEBHOOKS, **told})
    assert name in line
    assert "nothing was written" in line
    assert everything(whole) == before
    assert sandbox.webhooks.subscriptions.all() == subscribed


def test_another_root_is_refused_even_where_sequel_knows_it(whole: Checkout) -> None:
    """The sub-company's own credentials, say."""
    before = everything(whole)
    (line,) = whole.refused_quickly(2, "backfill", *RANGE, **OTHER_ROOT)
    assert "SEQUEL_COMPANY_ID is bolt, and the warehouse was made with root" in line
    assert everything(whole) == before


def test_who_reads_is_not_asked(whole: Checkout) -> None:
    """What answers questions needs no key and writes nothing; `identity` says what differs."""
    without = {"SEQUEL_PERSON_KEY": "", "SEQUEL_COMPANY_ID": ""}
    for command in (
        ["changes", "--since", "2026-03-01"],
        ["query", "top", "--company", "bolt", "--from", "2026-03-01", "--to", "2026-03-01"],
    ):
        for told in (OTHER_KEY, OTHER_HOST, without):
            done = whole.quickly(*command, **told)
            assert "warehouse was made with" not in done.stderr
            assert done.returncode in (0, 1)
    done = whole.quickly("identity", **OTHER_KEY)
    assert (done.returncode, "SEQUEL_PERSON_KEY is not the key" in done.stderr) == (2, True)
    assert whole.quickly("identity", **without).returncode == 0


def test_the_receiver_compares_the_root_alone(whole: Checkout) -> None:
    """It needs no key of persons and no host; another account's deliveries would be hints of nothing."""
    told = {**WEBHOOKS, "SEQUEL_PERSON_KEY": "", "SEQUEL_API_URL": "https://api.introvoke.com"}
    (line,) = whole.refused_quickly(2, "serve", "receiver", "--port", "0", **told, **OTHER_ROOT)
    assert "SEQUEL_COMPANY_ID is bolt" in line
    with variables({**whole.env, **told, "SEQUEL_WAREHOUSE_URL": whole.url}), ExitStack() as stack:
        settings = load()
        guarded = config.guard(settings, root_only=True)
        warehouse = config.open_warehouse(settings)
        stack.callback(warehouse.dispose)
        assert guarded(warehouse)
        with pytest.raises(IdentityError, match="SEQUEL_API_URL"):
            warehouse.ensure_writable()


def test_the_host_moves_by_a_command_of_its_own(checkout: Checkout) -> None:
    """Then the new one is the right one, and the old one is refused."""
    moved = checkout.quickly("identity", "--move-host", **OTHER_HOST)
    assert (moved.returncode, moved.stdout) == (0, "The warehouse's API host was loopback and is api.introvoke.com.\n")
    (line,) = checkout.refused_quickly(2, "exclude", "--company", "bolt", "--event", "e-bolt", "--reason", "why")
    assert "SEQUEL_API_URL is at loopback, and the warehouse was made with api.introvoke.com" in line
    (line,) = checkout.refused_quickly(2, "identity", "--move-host", **OTHER_KEY)
    assert "SEQUEL_PERSON_KEY is not the key" in line


def test_runs_and_sensors_of_dagster_say_so_in_one_line_and_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Sequel is asked for anything."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        stage = Stage(tmp_path, stack)
        assert stage.run("refresh_catalog").success
        url, key = str(stage.warehouse.url), stage.key("bolt")
        before = {table.name: rows_of(url, table, without=set()) for table in metadata.sorted_tables}
        asked = len(stage.sandbox.requests)
        monkeypatch.setenv("SEQUEL_PERSON_KEY", OTHER_KEY["SEQUEL_PERSON_KEY"])
        slices = stage.run("refresh_slices", {"dagster/partition": f"{key}|2026-03-01"})
        assert "SEQUEL_PERSON_KEY is not the key" in why_failed(slices)
        assert not stage.run("refresh_catalog").success
        ticks = [stage.sense(new_companies_sensor(load())), *map(stage.sense, webhook_sensors(load()))]
        assert "SEQUEL_PERSON_KEY is not the key" in (ticks[0].skip_message or "")
        assert [len(tick.run_requests or []) for tick in ticks] == [0] * len(ticks)
        assert len(stage.sandbox.requests) == asked
        after = {table.name: rows_of(url, table, without=set()) for table in metadata.sorted_tables}
    assert after == before


def test_every_place_that_opens_the_warehouse_to_write_is_guarded() -> None:
    """`Warehouse(` without a guard stands where nothing is written alone."""
    found = {
        str(path.relative_to(PACKAGE)): text.count("Warehouse(")
        for path in PACKAGE.rglob("*.py")
        if (text := path.read_text()) and "= Warehouse(" in text and "sandbox" not in path.parts
    }
    assert found.keys() == {
        "refresh/core/config.py",
        "queries/existing_warehouse.py",
        "cli/commands/serve.py",
    }
