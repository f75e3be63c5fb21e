"""Odd deliveries end in the true moment or in a refusal, never in a wrong value: all of them here, many over a real socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.webhooks.receiver.body_encoding import (
    InflatedTooLargeError,
    NotGzipError,
    inflated,
    is_gzip,
    is_understood,
)
from sequel_assets.webhooks.receiver.payload import read
from sequel_assets.webhooks.receiver.verify import CompanyLookup, Verification, verify
from sequel_assets_tests.webhooks.receiver.harness import (
    BOUNDS,
    HEADER,
    KEY,
    NOW,
    RULES,
    answered,
    receiver,
    request,
    serving,
    settle_companies,
    stored,
    subscribe,
)
from sequel_assets_tests.webhooks.receiver.verify.known_subscriptions import KNOWN
from sequel_assets_tests.webhooks.receiver.verify.odd_deliveries import BODIES, USUAL, Odd, stamped
from sequel_assets_tests.webhooks.receiver.verify.odd_times import STAMPS

IDS = [f"{number}-{ascii(stamp)[:60]}" for number, (stamp, _) in enumerate(STAMPS)]


@pytest.mark.parametrize(("stamp", "moment"), STAMPS, ids=IDS)
def test_a_time_stamp_is_read_as_the_true_moment_or_not_at_all(stamp: object, moment: datetime | None) -> None:
    """Accepted with exactly this moment, or refused with 400."""
    verdict, one = verify(stamped(stamp), {HEADER: KEY}, KNOWN, NOW, RULES)
    assert one is not None
    assert one.sent_at == moment
    assert verdict is (Verification.NO_TIMESTAMP if moment is None else Verification.ACCEPTED)


def test_the_ends_of_the_years_that_are_read() -> None:
    """To the second, in every unit; what lies beyond them is no moment."""
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    for moment in (first, last):
        seconds = int(moment.timestamp())
        for stamp in (f"{moment:%Y-%m-%dT%H:%M:%SZ}", *(seconds * unit for unit in (1, 10**3, 10**6, 10**9))):
            assert read(stamped(stamp)).sent_at == moment
    for stamp in ("2000-01-01T00:00:00+00:01", "2099-12-31T23:59:60Z", 946_684_799, 4_102_444_800, 946_684_799_999):
        assert read(stamped(stamp)).sent_at is None


def judged(one: Odd) -> tuple[int, dict[str, Any]]:
    """Judge without a receiver: status, and what would be stored."""
    headers = {HEADER: KEY, **one.headers}
    if not is_understood(headers):
        return Verification.NOT_UNDERSTOOD.status, {}
    try:
        body = inflated(one.body, BOUNDS.ended_body_bytes) if is_gzip(headers) else one.body
    except InflatedTooLargeError:
        return Verification.TOO_LARGE.status, {}
    except NotGzipError:
        return Verification.MALFORMED.status, {}
    verdict, found = verify(body, headers, KNOWN, NOW, RULES)
    if isinstance(verdict, CompanyLookup):
        verdict = Verification.UNKNOWN_COMPANY
    return verdict.status, {**vars(found), "verdict": verdict.name.lower()} if found and verdict.is_accepted else {}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_read_as_it_is_meant_or_not_at_all(name: str) -> None:
    """By its status, and everything that is kept of it."""
    one = BODIES[name]
    status, kept = judged(one)
    assert status == one.status
    assert {field: kept.get(field) for field in USUAL if kept} == ({**USUAL, **one.stored} if status == 200 else {})


def test_there_are_more_than_three_hundred_of_them() -> None:
    """And none stands there twice, but for the offsets that are one."""
    assert len({(type(stamp), repr(stamp)) for stamp, _ in STAMPS}) + len(BODIES) > 300


def test_over_a_real_socket_it_is_the_same(warehouse: Warehouse) -> None:
    """All bodies, and every fifth time stamp: status and row."""
    settle_companies(warehouse)
    subscribe(warehouse)
    some = STAMPS[::5]
    with serving(receiver(warehouse)) as port:
        said = {name: answered(port, request(one.body, **one.headers)) for name, one in BODIES.items()}
        told = [answered(port, request(stamped(stamp, f"t{number}"))) for number, (stamp, _) in enumerate(some)]
    assert said == {name: one.status for name, one in BODIES.items()}
    assert told == [400 if moment is None else 200 for _, moment in some]
    rows = {row["invocation_id"]: row["sent_at"] for row in stored(warehouse) if row["invocation_id"] != "i1"}
    assert rows == {f"t{number}": moment for number, (_, moment) in enumerate(some) if moment is not None}
