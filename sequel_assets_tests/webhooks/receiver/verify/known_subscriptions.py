"""Rules, subscriptions and keys that the deliveries of the tests are judged by."""

from __future__ import annotations

from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving
from sequel_assets.webhooks.receiver.verify import CompanyLookup, KnownSubscriptions, Verification, judge_company
from sequel_assets_tests.webhooks.receiver.harness import (
    ENDED,
    HEADER,
    KEY,
)

RECEIVING = Receiving("acme", "hash", ENDED, "sub-1", None, "sealed", None, None, None)
LINEAGES = {
    "branch": frozenset({"branch", "acme", "root"}), "other": frozenset({"other", "root"}), "new": None, "root": frozenset({"root"}),
}  # fmt: skip
KNOWN = KnownSubscriptions(RECEIVING, (KEY,))
RIGHT = {HEADER: KEY}


def looked_up(verdict: Verification | CompanyLookup) -> Verification | CompanyLookup:
    """Return the verdict once the company has been looked up, if it is one of `LINEAGES`."""
    if isinstance(verdict, CompanyLookup) and verdict.company_id in LINEAGES:
        return judge_company(RECEIVING, LINEAGES[verdict.company_id])
    return verdict
