"""Which subscriptions and keys are known: also while they are changed, ended, or cannot be read."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import notifications
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets_tests.webhooks.receiver.harness import (
    CAPABILITY,
    ENDED,
    KEY,
    NOW,
    OLD_KEY,
    RULES,
    SEAL,
    answered,
    delivery,
    encoded,
    receiver,
    request,
    serving,
    stored,
    subscribe,
)
from sequel_assets_tests.webhooks.receiver.known_rules import OUTSIDE, known

__all__ = ["known"]


def test_a_repetition_is_acknowledged_and_changes_nothing(known: Warehouse) -> None:
    """By the invocation's id and page; without an id by the body."""
    bodies = [encoded(delivery()), encoded(delivery(details={"page": 2})), encoded(delivery(None))]
    with serving(receiver(known)) as port:
        assert [answered(port, request(body)) for body in bodies * 3] == [200] * 9
    assert [row["delivery_key"] for row in stored(known)] == ["i1/e1/", "i1/e1/2", stored(known)[2]["body_sha256"]]


def test_while_a_key_is_being_changed_an_unknown_one_is_in_doubt(known: Warehouse) -> None:
    """429, so that it comes again; old and new are both accepted until the old one's time is up."""
    mine = subscriptions.c.capability_hash == hash_of(CAPABILITY)

    def change(**values: Any) -> None:
        with known.write() as connection:
            connection.execute(sa.update(subscriptions).where(mine).values(**values))

    with serving(receiver(known)) as port:

        def said(key: str | None) -> int:
            return answered(port, request(encoded(delivery()), key=key))

        assert (said(KEY), said("new")) == (200, 401)
        change(rotating_since=NOW)
        assert (said(KEY), said("new"), said(None)) == (200, 429, 401)
        new = {"sealed_secret": SEAL.seal("new"), "sealed_previous_secret": SEAL.seal(OLD_KEY)}
        change(rotating_since=None, **new, previous_until=NOW + timedelta(seconds=1))
        assert (said("new"), said(OLD_KEY), said("third")) == (200, 200, 401)
        change(previous_until=NOW)
        assert (said("third"), said(OLD_KEY), said("new")) == (401, 401, 200)  # a refusal reads it again
        change(sealed_secret=None, sealed_previous_secret=None)
        assert said("anything") == 429


def test_an_ended_subscription_is_no_address_any_more(known: Warehouse) -> None:
    """Within a moment, though it was known before."""
    with serving(receiver(known)) as port:
        assert answered(port, request(encoded(delivery()))) == 200
        with known.write() as connection:
            connection.execute(sa.update(subscriptions).values(ended_at=NOW))
        until = time.monotonic() + 20
        while (status := answered(port, request(encoded(delivery())))) == 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert status == 404


def test_a_subscription_of_a_moment_ago_is_known(known: Warehouse) -> None:
    """A no is never remembered."""
    with serving(receiver(known)) as port:
        assert answered(port, request(encoded(delivery()), "n" * 43)) == 404
        subscribe(known, "n" * 43)
        assert answered(port, request(encoded(delivery()), "n" * 43)) == 200


def test_what_is_not_demanded_may_be_missing_but_not_wrong(known: Warehouse) -> None:
    """The key is then not looked at; without a company it is the subscription's."""
    rules = replace(RULES, demands=frozenset())
    with serving(receiver(known, rules)) as port:
        bare = delivery(timestamp=None, details={"companyId": None})
        assert answered(port, request(encoded(bare), key=None)) == 200
        assert answered(port, request(encoded(delivery(timestamp=OUTSIDE)), key=None)) == 400
        assert answered(port, request(encoded(delivery(details={"companyId": "other"})), key=None)) == 400
        assert answered(port, request(encoded(bare), "x" * 43, key=None)) == 404
    assert [row["company_id"] for row in stored(known)] == ["acme"]


def test_a_time_that_cannot_be_read_is_none_where_it_is_not_demanded(known: Warehouse) -> None:
    """Nothing is stored for it, so that the hint is open until a refresh covers the moment at which it came."""
    stamp = "Mon, 09 Mar 2026 10:07:00 EST"
    with serving(receiver(known, replace(RULES, demands=frozenset({"key", "company"})))) as port:
        assert answered(port, request(encoded(delivery(timestamp=stamp)))) == 200
    (row,) = stored(known)
    assert (row["sent_at"], row["received_at"]) == (None, NOW)
    with known.read() as connection:
        ((waiting,),) = list(notifications.waiting(connection, [ENDED]))
    assert waiting.happened_at == NOW


def test_secrets_that_cannot_be_read_are_no_reason_to_refuse(
    known: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    """500, which is repeated; the log names the setting."""
    with known.write() as connection:
        connection.execute(sa.update(subscriptions).values(sealed_secret="gAAAAA"))
    with serving(receiver(known)) as port, caplog.at_level(logging.INFO):
        assert answered(port, request(encoded(delivery()))) == 500
    assert "none of the keys in SEQUEL_WEBHOOK_SECRET_KEY opens it" in caplog.text
