"""Rules, subscriptions and keys that the deliveries of the tests are judged by."""

from __future__ import annotations

from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving
from sequel_assets.webhooks.receiver.verify import KnownSubscriptions
from sequel_assets_tests.webhooks.receiver.harness import (
    ENDED,
    HEADER,
    KEY,
)

RECEIVING = Receiving("acme", "hash", ENDED, "sub-1", None, "sealed", None, None, None)
LINEAGES = {
    "branch": frozenset({"branch", "acme", "root"}), "other": frozenset({"other", "root"}), "new": None, "root": frozenset({"root"}),
}  # fmt: skip
KNOWN = KnownSubscriptions(RECEIVING, (KEY,), LINEAGES)
RIGHT = {HEADER: KEY}
