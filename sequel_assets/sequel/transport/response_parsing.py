"""Turns an HTTP response into a value, or raises the error that it means. No error may quote the response."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable
from datetime import UTC
from typing import TypeVar

from sequel_assets.sequel import exceptions as e
from sequel_assets.sequel.codes import code_of, response_code
from sequel_assets.sequel.parsing.decoding import NotJsonError, TooManyValuesError, UnsafeJsonError, decoded
from sequel_assets.sequel.parsing.fields import WrongShapeError, flag_or_none
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.http import HttpResponse

LONGEST_RETRY_AFTER_SECONDS = 60.0
_SECONDS = re.compile(r"\s*[0-9]{1,9}(?:\.[0-9]{1,9})?\s*", re.ASCII)

T = TypeVar("T")


def value_of(answer: HttpResponse, call: Call, parse: Callable[[object], T], now: float, max_values: int) -> T:
    """The parsed value of a response, or its error raised. `now` is our clock, for a response without a `Date`.

    An error says what failed, where, and a code of ours. Nothing of the response is in it: it may name somebody.
    """
    if not 200 <= answer.status < 300:
        raise _error_of_status(answer, call, now)
    problem: e.SequelError
    try:
        value = decoded(answer.body, content_type=answer.content_type, max_values=max_values)
        if isinstance(value, dict) and _has_error(value):
            code = code_of(answer.body, answer.content_type)
            problem = e.HasError(f"Sequel reports an error{response_code(code)}", status=answer.status, code=code)
        else:
            return parse(value)
    except NotJsonError as error:
        if call.ignores_body and not answer.body.lstrip().startswith(b"<"):  # HTML comes from a proxy: no success
            return parse(None)
        problem = e.InvalidResponse(f"{error}", fault="not JSON", status=answer.status)
    except TooManyValuesError as error:
        problem = e.InvalidResponse(f"an answer of {error}", fault="too large", status=answer.status)
    except (UnsafeJsonError, WrongShapeError) as error:
        problem = e.InvalidResponse(f"an answer that makes no sense: {error}", status=answer.status)
    except RecursionError:
        problem = e.InvalidResponse("an answer that makes no sense: nested too deeply", status=answer.status)
    problem.path = call.path
    raise problem  # outside the handlers: a chained exception would quote the response


def retry_after_seconds(answer: HttpResponse, now: float) -> float | None:
    """The seconds of `Retry-After`, given as a number or an HTTP date, at most a minute; None where it is absent.

    A date is compared with the response's own `Date`, since our clock may be off.
    """
    if answer.retry_after is None:
        return None
    if _SECONDS.fullmatch(answer.retry_after):
        wait_seconds = float(answer.retry_after)
    else:
        until = http_time(answer.retry_after)
        if until is None:
            return None
        sent_at = http_time(answer.date)
        wait_seconds = until - (now if sent_at is None else sent_at)
    return min(max(wait_seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def http_time(text: str | None) -> float | None:
    """An HTTP date as seconds since 1970; None when there is none or it makes no sense."""
    try:
        time = email.utils.parsedate_to_datetime(text or "")
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _error_of_status(answer: HttpResponse, call: Call, now: float) -> e.SequelError:
    status = answer.status
    if status < 400:
        what = "redirected elsewhere" if status >= 300 else f"an unexpected status {status}"
        return e.InvalidResponse(what, fault="redirected", status=status, path=call.path)
    kind, what = {
        401: (e.SignInRefused, "sign-in is refused"),
        403: (e.Forbidden, "access is forbidden"),
        404: (e.NotFound, "not found"),
        429: (e.Throttled, "too many requests"),
    }.get(status, (e.ServerError, "Sequel has an error of its own") if status >= 500 else (e.BadRequest, "refused"))
    if call.is_sign_in and status < 500 and status != 429:  # a 404 here must never look like a vanished event
        kind, what = e.SignInRefused, "Sequel's token endpoint refuses the client id and secret"
        if status not in {400, 401, 403}:
            what = "Sequel's token endpoint is not at this address"
    code = code_of(answer.body, answer.content_type)
    wait = retry_after_seconds(answer, now)
    return kind(
        f"{what}{response_code(code, status)}", status=status, path=call.path, retry_after_seconds=wait, code=code
    )


def _has_error(value: dict[str, object]) -> bool:
    try:
        return bool(flag_or_none(value.get("hasError")))
    except WrongShapeError:
        return False
