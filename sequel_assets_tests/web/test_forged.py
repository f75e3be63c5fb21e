"""Nobody forges a delivery: some of each kind here, 100,000 by `make forged`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .forged import KINDS, MARK, SLOW, send_forged

EACH = 40


@pytest.mark.slow
def test_no_forged_delivery_is_accepted_stored_or_logged(new_database: Callable[..., str], tmp_path: Path) -> None:
    """And the receiver's memory stays as it is, and a good delivery is accepted afterwards."""
    outcome = send_forged(new_database("sqlite", migrated=True), tmp_path, EACH, SEQUEL_WEBHOOK_READ_SECONDS="1")
    assert {kind: sum(result.statuses.values()) for kind, result in outcome.results.items()} == dict.fromkeys(
        KINDS, EACH
    )
    assert {status for result in outcome.results.values() for status in result.statuses} <= {0, 400, 401, 404, 413, 500}
    again = {kind for kind, result in outcome.results.items() if result.statuses[500]}
    assert again <= set(SLOW)
    assert (outcome.rows, outcome.good) == (0, 200)
    assert MARK not in outcome.log
    assert "Traceback" not in outcome.log
    assert max(outcome.memory_mib) < min(outcome.memory_mib) * 1.5
