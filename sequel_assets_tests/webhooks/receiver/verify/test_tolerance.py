"""What the contract leaves open is tolerated, what nobody reads does no harm, what is hostile is refused."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest

from sequel_assets.webhooks.receiver.payload import MAX_PARTS, MalformedError, read
from sequel_assets_tests.webhooks.receiver.harness import (
    ENDED,
    NOW,
    delivery,
    encoded,
)

TOLERATED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "unknown fields": ({"details": {"new": [1]}, "new": {}}, {}),
    "numbers as text": ({"details": {"totalCount": "95", "page": "2", "size": "10"}}, {"page": 2, "pages": 10}),
    "numbers": ({"details": {"totalCount": 95, "page": 2, "size": 10}}, {"page": 2, "pages": 10}),
    "nonsense for numbers": ({"details": {"totalCount": "many", "page": -1, "size": 0}}, {"page": None, "pages": None}),
    "numbers with a fraction of nothing": ({"details": {"totalCount": 95.0, "page": "2.0", "size": 1e1}}, {"page": 2, "pages": 10}),
    "a number with a fraction": ({"details": {"page": 2.5}}, {"page": None}),
    "a number of any length": ({"details": {"page": 10**40, "totalCount": 10**400, "size": 10}}, {"page": None, "pages": None}),
    "no number for a number": ({"details": {"page": float("nan"), "totalCount": float("inf"), "size": True}}, {"page": None, "pages": None}),
    "ids as numbers": ({"details": {"eventId": 17}}, {"event_id": "17"}),
    "ids as long numbers": ({"details": {"eventId": 12345678901234567890123}}, {"event_id": "12345678901234567890123"}),
    "blanks around ids": ({"details": {"eventId": " e1 "}}, {"event_id": "e1"}),
    "no ids": ({"webHookInvocationId": None, "correlationId": None, "details": {"eventId": None}},
               {"invocation_id": None, "correlation_id": None, "event_id": None}),
    "no ids that can be stored": ({"webHookInvocationId": "i" * 201, "correlationId": {"$oid": "c"}},
                                  {"invocation_id": None, "correlation_id": None}),
    "500 users": ({"details": {"users": [{"_id": str(n), "userId": f"{n}|||e1", "x": {"y": [1]}} for n in range(500)]}}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_the_contract_leaves_open_is_tolerated(name: str) -> None:
    """Everything else is read as it is."""
    different, expected = TOLERATED[name]
    body = encoded(delivery(**copy.deepcopy(different)))
    one = read(body)
    usual = {"event_type": ENDED, "invocation_id": "i1", "correlation_id": "c1", "sent_at": NOW, "company_id": "acme"}
    usual |= {"event_id": "e1", "page": None, "pages": None, "body_sha256": one.body_sha256}
    assert vars(one) == {**usual, **expected}


UNREAD: dict[str, bytes] = {
    "19 digits": b"9" * 19,
    "10,000 digits": b"9" * 10_000,
    "40 digits of a fraction": b"0." + b"9" * 40,
    "a number that no machine holds": b"1e999999999",
    "no number": b"[NaN, Infinity, -Infinity]",
    "a key twice": b'{"x": 1, "x": 2, "eventId": "e2", "eventId": "e3"}',
    "half a surrogate": b'"\\ud83d"',
    "NUL": b'"\\u0000"',
    "a raw NUL and a line break": b'"\x00\n"',
    "invalid UTF-8": b'"\xff\xfe\xc0\xaf\xed\xa0\x80"',
    "depth of 400": b"[" * 400 + b"]" * 400,
    "keys that are read elsewhere": b'[{"timestamp": [], "companyId": {}, "eventId": -1e9, "page": "x", "details": {"eventId": "e3"}}]',
}  # fmt: skip


@pytest.mark.parametrize("place", ["beside", "within", "among the users"])
@pytest.mark.parametrize("name", UNREAD)
def test_what_nobody_reads_is_no_reason_to_refuse(name: str, place: str) -> None:
    """Nor does it change anything of what is read."""
    usual = vars(read(encoded(delivery())))
    before = {"beside": b'"eventType"', "within": b'"companyName"', "among the users": b'"name"'}[place]
    body = encoded(delivery()).replace(before, b'"unread": ' + UNREAD[name] + b", " + before, 1)
    assert vars(read(body)) == {**usual, "body_sha256": hashlib.sha256(body).hexdigest()}


HOSTILE: dict[str, bytes] = {
    "depth": b'{"details": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "depth elsewhere": b'{"details": {}, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "depth that is not closed": b'{"details": ' + b"[" * 100_000,
    "digits of an id": b'{"details": {"eventId": ' + b"9" * 201 + b"}}",
    "a fraction for an id": b'{"details": {"eventId": 17.0}}',
    "no number for an id": b'{"details": {"eventId": NaN}}',
    "too many parts": b'{"details": {}, "x": [' + b"[]," * (MAX_PARTS // 2) + b"1]}",
    "a key twice": b'{"details": {}, "details": {"companyId": "acme"}}',
    "an event twice": b'{"details": {"eventId": "e1", "eventId": "e1"}}',
    "an event twice, once with an escape": b'{"details": {"eventId": "e1", "\\u0065ventId": "e2"}}',
    "an invocation twice": b'{"webHookInvocationId": "i1", "webHookInvocationId": "i2", "details": {}}',
    "a page twice": b'{"details": {"page": 1, "page": 2}}',
    "a time twice": b'{"timestamp": 1773068400, "timestamp": 1773068401, "details": {}}',
    "invalid UTF-8": b'{"details": {"eventId": "\xff"}}',
    "overlong UTF-8": b'{"details": {"eventId": "\xc0\xaf"}}',
    "UTF-16": '{"details": {}}'.encode("utf-16"),
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"details": {}}',
    "a byte order mark behind": b'{"details": {}}\xef\xbb\xbf',
    "NUL": b'{"details": {"eventId": "e\\u00001"}}',
    "a raw NUL": b'{"details": {"eventId": "e\x001"}}',
    "half a surrogate": b'{"details": {"eventId": "\\ud800"}}',
    "a line break in an id": b'{"details": {"eventId": "e\\n1"}}',
    "a long id": json.dumps({"details": {"eventId": "e" * 201}}).encode(),
    "an id that is a list": b'{"details": {"eventId": ["e1"]}}',
    "an id that is true": b'{"details": {"eventId": true}}',
    "two documents": b'{"details": {}} {"details": {}}',
    "empty": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused(name: str) -> None:
    """Without a word of it in the error."""
    with pytest.raises(MalformedError) as told:
        read(HOSTILE[name])
    assert len(str(told.value)) < 40


def test_thirty_mib_of_people_are_read() -> None:
    """As Sequel lists them, and with little more than a name and an e-mail each."""
    long = {"_id": "5f" * 12, "userId": "u1|||e1", "createdOn": "2026-03-09T14:00:00Z", "liveTime": 59}
    for one in (
        {"name": "Person 123456", "email": "p123456@example.com"},
        {"name": "P", "email": "p@example.com", **long},
    ):
        users = [one] * (30_000_000 // len(encoded(one)))
        assert read(encoded(delivery(details={"users": users}))).event_id == "e1"
