"""Nobody forges a delivery: some of each kind here, 100,000 by `make forged`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sequel_assets_tests.webhooks.receiver.forged import KINDS, MARK, SLOW, ForgedOutcome, ForgedResult, send_forged

EACH = 40


@pytest.mark.slow
def test_no_forged_delivery_is_accepted_stored_or_logged(new_database: Callable[..., str], tmp_path: Path) -> None:
    """And the receiver's memory stays as it is, and a good delivery is accepted afterwards."""
    outcome = send_forged(new_database("sqlite", migrated=True), tmp_path, EACH, SEQUEL_WEBHOOK_READ_SECONDS="1")
    assert {kind: sum(result.statuses.values()) for kind, result in outcome.results.items()} == dict.fromkeys(
        KINDS, EACH
    )
    assert {status for result in outcome.results.values() for status in result.statuses} <= {
        0,
        400,
        401,
        404,
        413,
        415,
        500,
    }
    again = {kind for kind, result in outcome.results.items() if result.statuses[500]}
    assert again <= set(SLOW)
    assert outcome.wrong() == []


def test_each_thing_that_is_wrong_is_told() -> None:
    """So that `make forged` fails by it."""
    good = ForgedOutcome(
        {kind: ForgedResult(Counter({404: 100}), [0.1] * 100) for kind in KINDS}, [100, 140], 0, "404", 200
    )
    assert good.wrong() == []
    slow = {**good.results, "no key": ForgedResult(Counter({401: 98, 200: 2}), [0.1] * 98 + [5.1] * 2)}
    bad = ForgedOutcome(slow, [100, 151], 2, f"INFO {MARK}", 500)
    assert bad.wrong() == [
        "2 were accepted",
        "2 rows were stored",
        "a good one is answered with 500 afterwards",
        "the log tells of content, or of a mistake",
        "memory grew 1.5 times",
        "no key: p99 5.1 s",
    ]
