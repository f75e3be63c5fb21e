"""One token for all threads, fetched by one of them.

A token is replaced before it expires (`expires_in`; else the JWT's own `exp`; else unknown) and after a 401. Each
thread has the token with its generation: a 401 for a generation that has been replaced takes the newer token instead of
fetching a third. While one thread fetches, the others wait and share the result, a failure included: otherwise twenty
threads would repeat a refused sign-in twenty times.
"""

from __future__ import annotations

import copy
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt

from sequel_assets.sequel.parsing.fields import WrongShapeError, number_or_none
from sequel_assets.sequel.parsing.shapes import an_object

LONGEST_MARGIN_SECONDS = 60.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)


@dataclass(frozen=True)
class Grant:
    """What the token endpoint returned; `lifetime_seconds` is None where it is unknown."""

    access_token: str = field(repr=False)
    lifetime_seconds: float | None


@dataclass(frozen=True)
class Lease:
    """A token as one thread uses it."""

    token: str = field(repr=False)
    generation: int
    refresh_at: float  # by the monotonic clock; infinite where no expiry is known


def grant_from(value: object, now: float) -> Grant:
    """The token endpoint's response. A token with characters that no header may have is refused."""
    raw = an_object(value)
    token = raw.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise WrongShapeError("access_token is missing or no token")
    token_type = raw.get("token_type")
    if token_type is not None and (not isinstance(token_type, str) or token_type.strip().lower() != "bearer"):
        raise WrongShapeError("token_type is not Bearer")
    try:
        lifetime_seconds = number_or_none(raw.get("expires_in"))
    except WrongShapeError:
        lifetime_seconds = None
    if lifetime_seconds is None:
        lifetime_seconds = _lifetime_by_jwt(token, now)
    # a lifetime of 0 or less (a clock that is off) would mean a new token for every request: it counts as unknown
    return Grant(token, lifetime_seconds if lifetime_seconds is not None and lifetime_seconds > 0 else None)


def _lifetime_by_jwt(token: str, now: float) -> float | None:
    """Seconds from `iat` (else from our clock, which may be off) to `exp`. The signature is Sequel's to verify."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        expires_at = number_or_none(claims.get("exp"))
        issued_at = number_or_none(claims.get("iat"))
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    if expires_at is None:
        return None
    return expires_at - (now if issued_at is None else issued_at)


class Tokens:
    """The current token. `fetch` gets a new one, with retries of its own; it runs in one thread at a time."""

    def __init__(self, fetch: Callable[[], Grant], *, monotonic: Callable[[], float]) -> None:
        self._fetch, self._monotonic = fetch, monotonic
        self._changed = threading.Condition()
        self._lease: Lease | None = None
        self._generation = 0
        self._is_fetching = False
        self._flights = 0
        self._failure: Exception | None = None
        self._recent_tokens: deque[str] = deque(maxlen=4)

    def current(self) -> Lease:
        """The token, fetched first where there is none or its end is near."""
        return self._get(stale_generation=-1)

    def renewed(self, stale: Lease) -> Lease:
        """A token other than this one, which was refused."""
        return self._get(stale_generation=stale.generation)

    def secrets(self) -> tuple[str, ...]:
        """The last few tokens, which must not be logged: one that has been replaced may still be valid."""
        with self._changed:
            return tuple(self._recent_tokens)

    def _get(self, stale_generation: int) -> Lease:
        with self._changed:
            while True:
                lease = self._lease
                if lease is not None and lease.generation > stale_generation and self._monotonic() < lease.refresh_at:
                    return lease
                if not self._is_fetching:
                    break
                known, flight = self._generation, self._flights
                self._changed.wait_for(lambda: not self._is_fetching or self._flights != flight)  # noqa: B023
                if self._lease is not None and self._generation > known:
                    return self._lease
                if self._failure is not None:
                    raise copy.copy(self._failure)  # a copy each: raising writes the thread's stack into it
                # the fetch was interrupted (Ctrl-C) without a result: this thread fetches
            self._is_fetching = True
            self._flights += 1
        return self._fetched()

    def _fetched(self) -> Lease:
        failure: Exception | None = None
        grant: Grant | None = None
        try:
            grant = self._fetch()
        except Exception as error:
            failure = error
            raise
        finally:
            with self._changed:
                self._is_fetching, self._failure = False, failure
                if grant is not None:
                    self._generation += 1
                    self._lease = lease = self._leased(grant)
                    self._recent_tokens.append(grant.access_token)
                self._changed.notify_all()
        return lease

    def _leased(self, grant: Grant) -> Lease:
        if grant.lifetime_seconds is None:
            return Lease(grant.access_token, self._generation, float("inf"))
        margin_seconds = min(LONGEST_MARGIN_SECONDS, grant.lifetime_seconds / 10)
        return Lease(grant.access_token, self._generation, self._monotonic() + grant.lifetime_seconds - margin_seconds)
