"""Verification is pure: what is right passes, and no change of it does."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving
from sequel_assets.webhooks.receiver.payload import MAX_PARTS, Delivery, MalformedError, read
from sequel_assets.webhooks.receiver.signatures import TOLERANCE
from sequel_assets.webhooks.receiver.verify import (
    NOT_KNOWN,
    CompanyLookup,
    KnownSubscriptions,
    Verification,
    admit,
    judge,
    judge_company,
    verify,
)
from sequel_assets_tests.webhooks.receiver.harness import (
    CREATED,
    ENDED,
    HEADER,
    KEY,
    NOW,
    OLD_KEY,
    RULES,
    delivery,
    encoded,
)

RECEIVING = Receiving("acme", "hash", ENDED, "sub-1", None, "sealed", None, None, None)
LINEAGES = {
    "branch": frozenset({"branch", "acme", "root"}), "other": frozenset({"other", "root"}), "new": None, "root": frozenset({"root"}),
}  # fmt: skip
KNOWN = KnownSubscriptions(RECEIVING, (KEY,), LINEAGES)
BOTH_KEYS = replace(KNOWN, keys=(KEY, OLD_KEY))
IN_DOUBT = replace(KNOWN, receiving=replace(RECEIVING, rotating_since=NOW))
NO_KEY_YET = KnownSubscriptions(replace(RECEIVING, sealed_secret=None), (), LINEAGES)
ONE_EVENT = replace(KNOWN, receiving=replace(RECEIVING, event_id="e1"))
LAX = replace(RULES, demands=frozenset())
RIGHT = {HEADER: KEY}

CASES: dict[str, tuple[Verification | CompanyLookup, dict[str, Any]]] = {
    "right": (Verification.ACCEPTED, {}),
    "beneath": (Verification.ACCEPTED, {"body": delivery(details={"companyId": "branch"})}),
    "unknown type of event": (Verification.ACCEPTED, {"body": delivery(eventType="EventEnded")}),
    "no type of event": (Verification.ACCEPTED, {"body": delivery(eventType=None)}),
    "its one event": (Verification.ACCEPTED, {"known": ONE_EVENT}),
    "old key": (Verification.ACCEPTED, {"known": BOTH_KEYS, "headers": {HEADER: OLD_KEY}}),
    "known key while it changes": (Verification.ACCEPTED, {"known": IN_DOUBT}),
    "nothing demanded": (Verification.ACCEPTED, {"rules": LAX, "headers": {}, "body": {"details": {}}}),
    "another header": (Verification.ACCEPTED, {"rules": replace(RULES, key_header="X-Key"), "headers": {"x-key": KEY}}),
    "on the edge of the window": (Verification.ACCEPTED, {"now": NOW + timedelta(days=3)}),
    "new company": (Verification.UNKNOWN_COMPANY, {"body": delivery(details={"companyId": "new"})}),
    "not looked up": (CompanyLookup("somebody"), {"body": delivery(details={"companyId": "somebody"})}),
    "no such address": (Verification.NO_SUCH_ADDRESS, {"known": NOT_KNOWN}),
    "no such address, no key demanded": (Verification.NO_SUCH_ADDRESS, {"known": NOT_KNOWN, "rules": LAX}),
    "no key": (Verification.NO_KEY, {"headers": {}}),
    "empty key": (Verification.NO_KEY, {"headers": {HEADER: ""}}),
    "wrong key": (Verification.WRONG_KEY, {"headers": {HEADER: "wrong"}}),
    "key and more": (Verification.WRONG_KEY, {"headers": {HEADER: f"{KEY}, {KEY}"}}),
    "another case": (Verification.WRONG_KEY, {"headers": {HEADER: KEY.upper()}}),
    "old key after its time": (Verification.WRONG_KEY, {"headers": {HEADER: OLD_KEY}}),
    "unknown key while it changes": (Verification.KEY_IN_DOUBT, {"known": IN_DOUBT, "headers": {HEADER: "new"}}),
    "no key while it changes": (Verification.NO_KEY, {"known": IN_DOUBT, "headers": {}}),
    "any key before one is known": (Verification.KEY_IN_DOUBT, {"known": NO_KEY_YET}),
    "another subscription's type": (Verification.WRONG_EVENT_TYPE, {"body": delivery(eventType=CREATED)}),
    "another event": (Verification.WRONG_EVENT, {"known": ONE_EVENT, "body": delivery(details={"eventId": "e2"})}),
    "company beside": (Verification.WRONG_COMPANY, {"body": delivery(details={"companyId": "other"})}),
    "company above": (Verification.WRONG_COMPANY, {"body": delivery(details={"companyId": "root"})}),
    "no company": (Verification.NO_COMPANY, {"body": delivery(details={"companyId": None})}),
    "too old": (Verification.OUTSIDE_WINDOW, {"now": NOW + timedelta(days=3, seconds=1)}),
    "from the future": (Verification.OUTSIDE_WINDOW, {"now": NOW - timedelta(days=3, seconds=1)}),
    "no time stamp": (Verification.NO_TIMESTAMP, {"body": delivery(timestamp=None)}),
    "no moment": (Verification.NO_TIMESTAMP, {"body": delivery(timestamp="yesterday")}),
    "too old, nothing demanded": (Verification.OUTSIDE_WINDOW, {"rules": LAX, "now": NOW + timedelta(days=4)}),
    "company beside, nothing demanded": (Verification.WRONG_COMPANY, {"rules": LAX, "body": delivery(details={"companyId": "other"})}),
    "no details": (Verification.MALFORMED, {"body": {}}),
    "no object": (Verification.MALFORMED, {"body": [delivery()]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_case_has_its_verdict(name: str) -> None:
    """And verifying the same again gives the same."""
    verdict, different = CASES[name]
    given_ = {"body": delivery(), "headers": RIGHT, "known": KNOWN, "now": NOW, "rules": RULES, **different}
    given_["body"] = encoded(given_["body"])
    assert [verify(**given_)[0] for _ in range(2)] == [verdict, verdict]


def test_every_verdict_is_answered_with_what_sequel_acts_on() -> None:
    """200 where it is accepted; 429 and 500 are repeated, the others are not."""
    answers: dict[int, set[str]] = {}
    for verdict in Verification:
        answers.setdefault(verdict.status, set()).add(verdict.name)
    assert answers == {
        200: {"ACCEPTED", "UNKNOWN_COMPANY"},
        400: {"MALFORMED", "WRONG_EVENT_TYPE", "WRONG_EVENT", "NO_COMPANY", "WRONG_COMPANY", "NO_TIMESTAMP", "OUTSIDE_WINDOW"},
        401: {"NO_KEY", "WRONG_KEY", "NOT_SIGNED"},
        404: {"NO_SUCH_ADDRESS"},
        413: {"TOO_LARGE"},
        415: {"NOT_UNDERSTOOD"},
        429: {"KEY_IN_DOUBT", "TOO_MANY_LARGE"},
        500: {"TOO_SLOW", "BUSY", "NOT_STORED", "FAILED"},
    }  # fmt: skip


@given(st.text(max_size=60))
def test_no_other_key_is_accepted(key: str) -> None:
    """Whatever it is, unless it is the one."""
    verdict = admit({HEADER: key}, KNOWN, RULES)
    assert (verdict is Verification.ACCEPTED) == (key == KEY)
    assert admit({HEADER: key}, NOT_KNOWN, RULES) is Verification.NO_SUCH_ADDRESS
    assert admit({HEADER: key}, NO_KEY_YET, RULES) in (Verification.KEY_IN_DOUBT, Verification.NO_KEY)


AWAY = st.timedeltas(timedelta(days=-10), timedelta(days=10))


@given(st.text(max_size=20), st.sampled_from(["acme", "branch", "root", "other", "new", "somebody", None]), AWAY)
def test_only_ones_own_company_now_is_accepted(event_id: str, company: str | None, away: timedelta) -> None:
    """Over all companies and moments."""
    sent = NOW + away
    one = Delivery(ENDED, "i", "c", sent, company, event_id, None, None, "hash")
    verdict = judge(one, RECEIVING, LINEAGES, NOW, RULES)
    is_now = abs(sent - NOW) <= RULES.window
    is_accepted = isinstance(verdict, Verification) and verdict.is_accepted
    assert is_accepted == (is_now and company in ("acme", "branch", "new"))
    assert isinstance(verdict, CompanyLookup) == (is_now and company == "somebody")


@pytest.mark.parametrize("company", LINEAGES)
def test_a_company_that_is_looked_up_later_has_the_same_result(company: str) -> None:
    """As if it had been known from the start."""
    one = Delivery(ENDED, "i", "c", NOW, company, "e", None, None, "hash")
    assert judge(one, RECEIVING, {}, NOW, RULES) == CompanyLookup(company)
    assert judge_company(RECEIVING, LINEAGES[company]) is judge(one, RECEIVING, LINEAGES, NOW, RULES)


@given(st.binary(max_size=300))
def test_no_noise_is_a_delivery(noise: bytes) -> None:
    """Bytes at random, with everything else right: refused, and nothing else is raised."""
    assert verify(noise, RIGHT, KNOWN, NOW, RULES) == (Verification.MALFORMED, None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from([*delivery(), *delivery()["details"], "page", "size", "totalCount"]) | st.text(), inner
            )
        ),
    )
)
def test_any_json_is_judged_and_what_is_read_of_it_can_be_stored(document: Any) -> None:
    """No shape raises anything but `MalformedError`; ids are short, printable and can be written in UTF-8."""
    try:
        one = read(encoded({**document, "details": document} if isinstance(document, dict) else document))
    except MalformedError:
        return
    for text in (one.event_type, one.invocation_id, one.correlation_id, one.company_id, one.event_id):
        assert text is None or (0 < len(text.encode()) <= 800 and text.isprintable())
    assert all(number is None or 0 <= number <= 10_000_000 for number in (one.page, one.pages))
    assert one.sent_at is None or one.sent_at.tzinfo is UTC


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


SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
SIGNED_RULES = replace(RULES, signing_secrets=SECRETS)


def signed(body: bytes, secret: str = SECRETS[0], at: datetime = NOW, message_id: str = "msg_1") -> dict[str, str]:
    """Return the headers of a delivery that the library signs."""
    signature = Webhook(secret).sign(message_id, at, body.decode())
    return {
        **RIGHT,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


@pytest.mark.parametrize("secret", SECRETS)
def test_signed_deliveries_as_the_library_makes_them_pass(secret: str) -> None:
    """With each of several secrets, alone or among other signatures, within the tolerance."""
    body = encoded(delivery())
    headers = signed(body, secret)
    among = {**headers, "webhook-signature": f"v1a,xx v1,AAAA v1,not-base64! {headers['webhook-signature']}"}
    for one in (headers, among, signed(body, secret, NOW - TOLERANCE), signed(body, secret, NOW + TOLERANCE)):
        assert verify(body, one, KNOWN, NOW, SIGNED_RULES)[0] is Verification.ACCEPTED


def test_what_is_not_signed_rightly_is_refused() -> None:
    """Each part of the signature counts, as does the key besides it."""
    body = encoded(delivery())
    good = signed(body)
    second = timedelta(seconds=1)
    wrong: list[dict[str, str]] = [
        RIGHT,
        signed(body, "whsec_" + "A" * 32),
        signed(body, at=NOW - TOLERANCE - second),
        signed(body, at=NOW + TOLERANCE + second),
        signed(encoded(delivery("i2"))),
        {**good, "webhook-id": "msg_2"},
        {**good, "webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        *({**good, "webhook-timestamp": stamp} for stamp in ("", "now", "-1", "1e9", "9" * 400, "²")),
        *(
            {**good, "webhook-signature": text}
            for text in ("", "v1", "v1,", ",", "v2," + good["webhook-signature"][3:])
        ),
        {name: value for name, value in good.items() if name != "webhook-id"},
    ]
    assert [verify(body, headers, KNOWN, NOW, SIGNED_RULES)[0] for headers in wrong] == [Verification.NOT_SIGNED] * len(
        wrong
    )
    assert verify(body, {**good, HEADER: "wrong"}, KNOWN, NOW, SIGNED_RULES)[0] is Verification.WRONG_KEY


@given(st.data())
def test_no_tampered_delivery_passes_its_signature(data: st.DataObject) -> None:
    """Any one byte of the body, changed."""
    body = encoded(delivery())
    place = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != body[place]))
    tampered = body[:place] + bytes([other]) + body[place + 1 :]
    assert verify(tampered, signed(body), KNOWN, NOW, SIGNED_RULES)[0] is Verification.NOT_SIGNED
