"""Sign-in: issues bearer tokens for client credentials; each expires after a while or is revoked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sequel_assets.sandbox.world.view import RefusalError, error

AUDIENCE = "https://www.introvoke.com/api"


@dataclass(frozen=True)
class Credentials:
    """Who may sign in."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - the sandbox's own, known to all
    audience: str = AUDIENCE


class SignIn:
    """Gives out tokens and knows which are valid. Lifetimes are seconds of the machine's own clock.

    `sends_expiry=False` leaves `expires_in` out; `opaque=True` gives tokens that are no JWT.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        token_seconds: float = 86_400,
        sends_expiry: bool = True,
        opaque: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.credentials = credentials
        self.token_seconds = token_seconds
        self.sends_expiry = sends_expiry
        self.opaque = opaque
        self.given = 0
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._valid_until: dict[str, float] = {}

    def token(self, content_type: str, body: bytes) -> dict[str, Any]:
        """Answer `POST /api/oauth/token`, or refuse: 400 for what is no JSON object, 401 for who is not known."""
        if content_type.split(";")[0].strip().lower() != "application/json":
            raise error(400, "The body must be JSON")
        try:
            document = json.loads(body)
        except ValueError:
            raise error(400, "The body must be JSON") from None
        if not isinstance(document, dict) or document.get("grant_type") != "client_credentials":
            raise error(400, "Unsupported grant_type")
        known = self.credentials
        if (document.get("client_id"), document.get("client_secret"), document.get("audience")) != (
            known.client_id,
            known.client_secret,
            known.audience,
        ):
            raise error(401, "Unauthorized")
        self.given += 1
        token = secrets.token_urlsafe(24) if self.opaque else self._jwt()
        self._valid_until[token] = self._monotonic() + self.token_seconds
        expiry = {"expires_in": int(self.token_seconds)} if self.sends_expiry else {}
        return {"access_token": token, "token_type": "Bearer", **expiry}

    def check(self, authorization: str) -> None:
        """Let a valid bearer pass; anyone else gets 401 `Token not found`."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or self._valid_until.get(token, -1.0) <= self._monotonic():
            raise RefusalError(401, "Token not found")

    def revoke(self, authorization: str) -> None:
        """The token of this header dies at once."""
        self._valid_until.pop(authorization.partition(" ")[2], None)

    def revoke_all(self) -> None:
        """Every token dies at once."""
        self._valid_until.clear()

    def _jwt(self) -> str:
        issued = int(time.time())
        claims = {"iss": "sandbox", "aud": self.credentials.audience, "iat": issued, "jti": secrets.token_hex(8)}
        claims["exp"] = int(issued + self.token_seconds)
        signed = b".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return (signed + b"." + _base64(hmac.new(self._key, signed, hashlib.sha256).digest())).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
