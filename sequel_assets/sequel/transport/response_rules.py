"""The rules by which a response or error is retried.

response                                            rule
401                                                 a new token, once (done in `session`); then SignInRefused
429                                                 retried within the budget, however often
5xx, time-out, reset, truncated, not JSON,          retried within the budget and the number of attempts
  hasError under 200, 403 on anything but lists
DNS, connection refused, TLS handshake, proxy       retried a few times: a name does not appear within two minutes
valid JSON of the wrong shape                       retried once
400 and other 4xx, 404, redirect, 403 on a          never
  company's `list` (licence) or `events` (access),
  too large, TLS certificate, sign-in refused

A call that must not be done twice (a subscription or a new key) is retried only where it was surely not done: no
connection, or refused with 429 or 403. Everything else that leaves its outcome open (5xx, also 503, which a proxy may
send after the work was done; time-out, reset, an unreadable response) is `Uncertain`, at once.
"""

from __future__ import annotations

from enum import Enum

from sequel_assets.sequel import exceptions as e
from sequel_assets.sequel.transport.call import Call

CERTIFICATE = "the TLS certificate is not trusted"
CONNECT_TIMEOUT = "the connection timed out"
LISTS_OF_A_COMPANY = frozenset({"sub_companies", "events"})
"""Calls whose 403 means licence or access (documented), which waiting does not change. The caller may try once more."""


class RetryPolicy(Enum):
    """How often an attempt may be repeated."""

    NEVER = "never"
    ONCE = "once"
    BRIEFLY = "a few times"
    BUDGET = "within budget and attempts"
    THROTTLED = "within budget"


def retry_policy(error: BaseException, call: Call) -> RetryPolicy:
    """The rule for an error of a call."""
    if leaves_in_doubt(error, call):
        return RetryPolicy.NEVER
    match error:
        case e.Throttled():
            return RetryPolicy.THROTTLED
        case e.ServerError() | e.Interrupted() | e.HasError():
            return RetryPolicy.BUDGET
        case e.Forbidden():
            return RetryPolicy.NEVER if call.name in LISTS_OF_A_COMPANY else RetryPolicy.BUDGET
        case e.Unreachable(reason=reason):
            return {CERTIFICATE: RetryPolicy.NEVER, CONNECT_TIMEOUT: RetryPolicy.BUDGET}.get(
                reason, RetryPolicy.BRIEFLY
            )
        case e.InvalidResponse(fault="not JSON" | "truncated"):
            return RetryPolicy.BUDGET
        case e.InvalidResponse(fault="wrong shape"):
            return RetryPolicy.ONCE
        case _:
            return RetryPolicy.NEVER


def leaves_in_doubt(error: BaseException, call: Call) -> bool:
    """Whether a call that must not be done twice may have been done."""
    return not call.is_repeatable and isinstance(error, e.ServerError | e.Interrupted | e.HasError | e.InvalidResponse)


def is_retryable(error: BaseException, call: Call) -> bool:
    """Whether a repetition of the request may succeed."""
    return retry_policy(error, call) is not RetryPolicy.NEVER
