"""`sequel-assets webhooks ...` as people call it, against the sandbox over a socket."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets.sandbox.webhooks.subscriptions import EVENT_TYPES, Subscription
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.small_world import BOLT, NOW, ROOT, small_world
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import HERE, KEY

TYPES = [f"virtual-stage-{what}" for what in ("event-started", "event-ended")]
SET = {"SEQUEL_WEBHOOK_URL": HERE, "SEQUEL_WEBHOOK_SECRET_KEY": KEY}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own."""
    with Sandbox(small_world(), clock=Clock.pinned(NOW)) as made:
        yield made


@pytest.fixture
def checkout(tmp_path: Path, sandbox: Sandbox) -> Checkout:
    """A folder with an empty warehouse and a public address."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    made = Checkout(folder, sandbox, **SET)
    assert made.call("migrate").returncode == 0
    return made


def subscribed(sandbox: Sandbox) -> list[Subscription]:
    """What Sequel has."""
    return sandbox.webhooks.subscriptions.all()


def well(done: "subprocess.CompletedProcess[str]") -> str:
    """What a command said that ended well."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def states(checkout: Checkout, **told: str) -> tuple[int, list[dict[str, Any]]]:
    """What `status --json` answers."""
    done = checkout.quickly("webhooks", "status", "--json", **told)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)["subscriptions"]


def test_from_the_first_subscription_to_the_last(checkout: Checkout, sandbox: Sandbox) -> None:
    """Missing, told, made, shown, renewed, deleted; no key and no address is ever said."""
    said: list[str] = []
    secrets: set[str] = set()

    def call(*arguments: str) -> str:
        said.append(well(checkout.quickly("webhooks", *arguments)))
        secrets.update(part for one in subscribed(sandbox) for part in (one.key, one.endpoint.rpartition("/")[2]))
        return said[-1]

    code, found = states(checkout)
    assert (code, [(one["state"], one["wrong"]) for one in found]) == (1, [("missing", True)] * 6)
    assert call("ensure", "--dry-run").count("would be created") == 6
    assert subscribed(sandbox) == []
    assert call("ensure").count("missing") == 6
    assert sorted(one.event_type for one in subscribed(sandbox)) == sorted(EVENT_TYPES)
    assert {one.company_id for one in subscribed(sandbox)} == {ROOT}
    assert call("ensure") == "Nothing to do.\n"
    assert well(checkout.call("webhooks", "status")) == call("status")  # once as a program of its own
    assert said[-1].count("valid") == 6
    code, found = states(checkout)
    assert code == 0
    assert found[1] == {
        "company": ROOT,
        "event_type": "virtual-stage-event-ended",
        "since": "2026-03-03T15:07:00+00:00",
        "expires": "2026-06-01T15:07:00+00:00",
        "days_left": 90,
        "last_delivery": None,
        "in_7_days": 0,
        "state": "valid",
        "wrong": False,
    }
    keys = {one.key for one in subscribed(sandbox)}
    assert call("rotate", "--dry-run").count("would be renewed") == 6
    assert {one.key for one in subscribed(sandbox)} == keys
    assert call("rotate").count("a new key is requested") == 6
    assert {one.key for one in subscribed(sandbox)} & keys == set()
    assert call("delete", "--dry-run").count("would be deleted") == 6
    assert len(subscribed(sandbox)) == 6
    assert "to stop that, remove SEQUEL_WEBHOOK_URL" in call("delete")
    assert subscribed(sandbox) == []
    assert len(secrets) == 18
    stored = b"".join(path.read_bytes() for path in (checkout.folder / ".sequel").glob("warehouse.db*")).decode(
        "latin-1"
    )
    assert [secret for secret in secrets if secret in stored or any(secret in text for text in said)] == []


def test_what_is_wrong_ends_with_1(checkout: Checkout, sandbox: Sandbox) -> None:
    """Lapsed, about to lapse, not looked at, unreadable: each in words."""
    well(checkout.quickly("webhooks", "ensure"))
    for now, words in (("2026-03-05", "not looked at for more than a day"), ("2026-06-02", "lapsed")):
        code, found = states(checkout, SEQUEL_NOW=f"{now}T16:00:00Z")
        assert (code, {one["state"] for one in found}) == (1, {words})
    code, found = states(checkout, SEQUEL_WEBHOOK_SECRET_KEY=Fernet.generate_key().decode())
    assert (code, {one["state"] for one in found}) == (1, {"its key cannot be unsealed"})
    done = checkout.quickly("webhooks", "status", SEQUEL_NOW="2026-06-02T16:00:00Z")
    assert "sequel-assets webhooks ensure at once" in done.stdout


def test_a_company_gets_its_own_and_loses_them_with_the_setting(checkout: Checkout, sandbox: Sandbox) -> None:
    """Named by its id before it is known, and deleted by name once it is not wanted."""
    well(checkout.quickly("webhooks", "ensure", SEQUEL_WEBHOOK_COMPANIES=BOLT))
    assert [one.company_id for one in subscribed(sandbox)] == [ROOT] * 6 + [BOLT] * 6
    assert well(checkout.quickly("webhooks", "ensure")).count("not wanted") == 6
    assert [one.company_id for one in subscribed(sandbox)] == [ROOT] * 6


def test_the_key_of_the_setting_is_changed(checkout: Checkout, sandbox: Sandbox) -> None:
    """The new one in front, sealed anew, then the old one goes; what none opens is told."""
    well(checkout.quickly("webhooks", "ensure"))
    new, other = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    said = well(checkout.quickly("webhooks", "rotate", "--key", SEQUEL_WEBHOOK_SECRET_KEY=f"{new},{KEY}"))
    assert said.startswith("6 stored secrets are encrypted with the first key")
    assert (
        "Receivers and Dagster that still run with the previous settings cannot read them: restart those"
        in " ".join(said.split())
    )
    assert states(checkout, SEQUEL_WEBHOOK_SECRET_KEY=new)[0] == 0
    (line,) = checkout.refused_quickly(2, "serve", "receiver", SEQUEL_WEBHOOK_SECRET_KEY=other)
    assert line.startswith(
        "SEQUEL_WEBHOOK_SECRET_KEY: it decrypts none of the secrets of 6 subscriptions, so every delivery"
    )
    done = checkout.quickly("webhooks", "rotate", "--key", SEQUEL_WEBHOOK_SECRET_KEY=other)
    assert (done.returncode, done.stderr[:53]) == (1, "6 stored secrets are decrypted by none of its keys an")
    keys = {one.key for one in subscribed(sandbox)}
    assert well(checkout.quickly("webhooks", "ensure", SEQUEL_WEBHOOK_SECRET_KEY=other)).count("renewed") == 6
    assert {one.key for one in subscribed(sandbox)} & keys == set()


def test_what_is_missing_or_wrong_in_the_settings_is_said(checkout: Checkout, sandbox: Sandbox) -> None:
    """And nothing is asked of Sequel."""
    said = well(checkout.quickly("webhooks", "status", SEQUEL_WEBHOOK_URL=""))
    assert said == "SEQUEL_WEBHOOK_URL is not set: no webhook is subscribed to (docs/webhooks.md).\n"
    for command in ("ensure", "rotate"):
        assert checkout.refused_quickly(2, "webhooks", command, SEQUEL_WEBHOOK_URL="")[0].startswith(
            "SEQUEL_WEBHOOK_URL: "
        )
        assert (
            "https://"
            in checkout.refused_quickly(2, "webhooks", command, SEQUEL_WEBHOOK_URL="http://hooks.example.com")[0]
        )
    lines = checkout.refused_quickly(2, "webhooks", "ensure", SEQUEL_WEBHOOK_SECRET_KEY="")
    assert lines[0].startswith("SEQUEL_WEBHOOK_SECRET_KEY: is not set")
    assert checkout.refused_quickly(2, "webhooks", "rotate", "--key", "--dry-run") == [
        "--key goes with no other option: it encrypts all stored secrets"
    ]
    assert sandbox.requests.count == 0


def test_what_sequel_refuses_is_said_for_each(checkout: Checkout, sandbox: Sandbox) -> None:
    """Exit 1, the others are made; without a connection exit 3."""
    done = checkout.quickly("webhooks", "ensure", SEQUEL_WEBHOOK_COMPANIES="nobody")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("nobody virtual-stage-event-started: it could not be made: ")
    assert (len(lines), lines[-1]) == (7, "What was done stays, and the rest is unchanged; run the command once more.")
    assert len(subscribed(sandbox)) == 6
    lines = checkout.refused_quickly(3, "webhooks", "rotate", SEQUEL_API_URL="http://127.0.0.1:9")
    assert "run the same command again" in lines[0]
    assert states(checkout)[0] == 0
