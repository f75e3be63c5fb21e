"""Standard Webhooks: the signature of a proxy in front of the receiver. Pure: *now* comes from the caller."""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

TOLERANCE = timedelta(minutes=5)
"""How far the signature's time stamp may be from now; the standard library's own value."""
MAX_SIGNATURES, LONGEST_ID, LONGEST_TIMESTAMP = 16, 200, 12


def is_signed(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> bool:
    """Say whether the headers hold a signature of this body, made around now with one of the secrets.

    The library makes the signatures; its own `verify` is not used, since it reads the machine's clock.
    """
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not 0 < len(message_id) <= LONGEST_ID or not (stamp.isascii() and stamp.isdecimal()):
        return False
    if len(stamp) > LONGEST_TIMESTAMP or abs(int(stamp) - now.timestamp()) > TOLERANCE.total_seconds():
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    at = datetime.fromtimestamp(int(stamp), UTC)
    right = [_bytes(Webhook(secret).sign(message_id, at, text)) for secret in secrets]
    given = [_bytes(signature) for signature in headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]]
    fits = [hmac.compare_digest(one, other) for one in right for other in given if one and other]
    return any(fits)


def _bytes(signature: str) -> bytes:
    version, _, encoded = signature.partition(",")
    try:
        return base64.b64decode(encoded, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
