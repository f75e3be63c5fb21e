"""Signed deliveries: as the library makes them they pass, tampered with they never do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from sequel_assets.webhooks.receiver.signatures import TOLERANCE
from sequel_assets.webhooks.receiver.verify import Verification, verify
from sequel_assets_tests.webhooks.receiver.harness import (
    HEADER,
    NOW,
    RULES,
    delivery,
    encoded,
)
from sequel_assets_tests.webhooks.receiver.verify.known_subscriptions import KNOWN, RIGHT

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
