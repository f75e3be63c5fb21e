"""Verification is pure: what is right passes, and no change of it does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.webhooks.receiver.payload import Delivery, MalformedError, read
from sequel_assets.webhooks.receiver.verify import (
    _PLACEHOLDER_KEY,
    NOT_KNOWN,
    CompanyLookup,
    KnownSubscriptions,
    Verification,
    admit,
    judge,
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
from sequel_assets_tests.webhooks.receiver.verify.known_subscriptions import (
    KNOWN,
    LINEAGES,
    RECEIVING,
    RIGHT,
    looked_up,
)

BOTH_KEYS = replace(KNOWN, keys=(KEY, OLD_KEY))
IN_DOUBT = replace(KNOWN, receiving=replace(RECEIVING, rotating_since=NOW))
NO_KEY_YET = KnownSubscriptions(replace(RECEIVING, sealed_secret=None), ())
ONE_EVENT = replace(KNOWN, receiving=replace(RECEIVING, event_id="e1"))
LAX = replace(RULES, demands=frozenset())
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
    "what stands in place of a key before one is known": (Verification.KEY_IN_DOUBT, {"known": NO_KEY_YET, "headers": {HEADER: _PLACEHOLDER_KEY}}),
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
    assert [looked_up(verify(**given_)[0]) for _ in range(2)] == [verdict, verdict]


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
    verdict = looked_up(judge(one, RECEIVING, NOW, RULES))
    is_now = abs(sent - NOW) <= RULES.window
    is_accepted = isinstance(verdict, Verification) and verdict.is_accepted
    assert is_accepted == (is_now and company in ("acme", "branch", "new"))
    assert isinstance(verdict, CompanyLookup) == (is_now and company == "somebody")


@pytest.mark.parametrize("company", LINEAGES)
def test_a_company_that_is_looked_up_later_has_the_same_result(company: str) -> None:
    """As one that is the subscription's own, beneath it, new, or another's."""
    one = Delivery(ENDED, "i", "c", NOW, company, "e", None, None, "hash")
    assert judge(one, RECEIVING, NOW, RULES) == CompanyLookup(company)
    own, new = Verification.ACCEPTED, Verification.UNKNOWN_COMPANY
    assert looked_up(CompanyLookup(company)) is {"branch": own, "new": new}.get(company, Verification.WRONG_COMPANY)


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
