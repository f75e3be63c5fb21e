"""The receiver's log: of a flood of refusals ten a second, and how many more."""

from __future__ import annotations

import logging

import pytest

from sequel_assets.webhooks.receiver.log import DeliveryLog
from sequel_assets.webhooks.receiver.verify import Verification


def test_of_a_flood_ten_a_second_are_told_and_how_many_more(caplog: pytest.LogCaptureFixture) -> None:
    """Each that is accepted has its line all the same."""
    now = [0.0]
    journal = DeliveryLog(lambda: now[0])
    with caplog.at_level(logging.INFO):
        for second in (0, 1):
            now[0] = second + 0.5
            for _ in range(25):
                journal.note(Verification.NO_KEY, "-", 0)
            for _ in range(12):
                journal.note(Verification.ACCEPTED, "sub", 100)
        journal.report_suppressed()
    refused, accepted = "401 no key: subscription -, 0 bytes", "200 accepted: subscription sub, 100 bytes"
    more = "401 no key: 15 more"
    assert [record.getMessage() for record in caplog.records] == [
        *[refused] * 10, *[accepted] * 12, more, *[refused] * 10, *[accepted] * 12, more,
    ]  # fmt: skip
