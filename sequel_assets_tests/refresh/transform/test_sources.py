"""What the sources of an insight cover together."""

from collections.abc import Collection
from datetime import date
from types import SimpleNamespace

from sequel_assets.insights import EVENT_STATISTICS
from sequel_assets.refresh.transform.sources import together
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants
from sequel_assets.warehouse.tables.event_details import event_activity
from sequel_assets_tests.support.rows import DAY, hour

MINUTES, CONCURRENCY, ACTIVITY = event_participants.name, event_concurrency.name, event_activity.name


def row(data: int, full: int | None, *, is_final: bool = True) -> SimpleNamespace:
    """The bookkeeping of a slice that covers these hours of its day."""
    through = None if full is None else hour(full)
    return SimpleNamespace(checksum="c", data_through=hour(data), full_through=through, is_final=is_final)


def covered(stored: dict[str, SimpleNamespace], unavailable: Collection[str] = ()) -> dict[date, tuple[object, ...]]:
    """What these slices of one day cover together."""
    of_day = {name: {DAY: one} for name, one in stored.items()}
    found = together(EVENT_STATISTICS, of_day, unavailable, {"events": {}})
    return {day: (one.data_through, one.full_through, one.is_final) for day, one in found.items()}


def test_a_day_covers_the_least_of_its_sources() -> None:
    """Each number by itself; what one of them has not been requested in full for, all of them are not."""
    assert covered({MINUTES: row(5, 2), CONCURRENCY: row(4, 3)}) == {DAY: (hour(4), hour(2), True)}
    assert covered({MINUTES: row(4, 3), CONCURRENCY: row(5, 2, is_final=False)}) == {DAY: (hour(4), hour(2), False)}
    assert covered({MINUTES: row(5, 4), CONCURRENCY: row(5, None)}) == {DAY: (hour(5), None, True)}


def test_a_day_counts_without_what_is_optional_or_unavailable() -> None:
    """But not without every source that the insight is about."""
    assert covered({MINUTES: row(5, 4)}) == {}
    assert covered({MINUTES: row(5, 4)}, [CONCURRENCY]) == {DAY: (hour(5), hour(4), True)}
    assert covered({MINUTES: row(5, 4), CONCURRENCY: row(5, 4), ACTIVITY: row(3, 2)}) == {DAY: (hour(3), hour(2), True)}
    assert covered({ACTIVITY: row(5, 4)}, [MINUTES, CONCURRENCY]) == {}
