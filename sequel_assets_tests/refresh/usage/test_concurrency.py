"""Concurrency by the minute: placed on its days, or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sequel_assets.refresh.usage.concurrency import fetch_concurrency, place_minutes
from sequel_assets.refresh.usage.event_client import EventMissing
from sequel_assets.refresh.usage.extract import SliceFailure
from sequel_assets.sequel import NotFound
from sequel_assets_tests.refresh.usage.scripted import START, ask, known


class ConcurrencyClient:
    """A client that tells concurrency, or 404 (None), answer by answer."""

    def __init__(self, *answers: list[tuple[int, int]] | None) -> None:
        self.answers = list(answers)

    def concurrency(self, event_id: str) -> list[tuple[int, int]]:
        """Answer."""
        answer = self.answers.pop(0)
        if answer is None:
            raise NotFound("no")
        return answer


def test_minutes_are_placed_on_their_days_and_of_two_values_the_larger_is_taken() -> None:
    """From the minute of the start, over midnight, in any order, before the start too."""
    assert place_minutes(START, [(3, 1), (0, 5), (0, 7), (0, 6), (-1, 2), (2, 0)]) == {
        date(2026, 3, 2): {START.replace(second=0): 7, START.replace(minute=57, second=0): 2},
        date(2026, 3, 3): {datetime(2026, 3, 3, 0, 1, tzinfo=UTC): 1, datetime(2026, 3, 3, 0, 0, tzinfo=UTC): 0},
    }


def test_a_404_for_concurrency_is_empty_where_nobody_was_live_and_asked_again_where_somebody_was() -> None:
    """Twice 404 with live minutes is a state of the event, to be looked into."""
    assert fetch_concurrency(ask(ConcurrencyClient(None)), has_live_minutes=False) == {}
    assert fetch_concurrency(ask(ConcurrencyClient(None, [(0, 1)])), has_live_minutes=True) == place_minutes(
        START, [(0, 1)]
    )
    with pytest.raises(EventMissing):
        fetch_concurrency(ask(ConcurrencyClient(None, None)), has_live_minutes=True)


def test_concurrency_that_cannot_be_placed_is_refused() -> None:
    """Without a start, or beyond the calendar; nothing told needs no start."""
    assert fetch_concurrency(ask(ConcurrencyClient([]), known(None)), has_live_minutes=True) == {}
    with pytest.raises(SliceFailure, match="no start date"):
        fetch_concurrency(ask(ConcurrencyClient([(0, 1)]), known(None)), has_live_minutes=True)
    with pytest.raises(SliceFailure, match="beyond any calendar"):
        fetch_concurrency(ask(ConcurrencyClient([(10**12, 1)])), has_live_minutes=True)
    for start, offset in ((datetime(9999, 12, 31, 23, tzinfo=UTC), 600), (datetime(2026, 3, 1, tzinfo=UTC), 10**8)):
        with pytest.raises(SliceFailure, match="between 2000 and 2100"):
            place_minutes(start, [(offset, 1)])
