"""From an HTTP answer to a value or to the error that it means."""

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
from sequel_assets.sequel.transport.http import HttpAnswer

LONGEST_RETRY_AFTER_SECONDS = 60.0
_SECONDS = re.compile(r"\s*[0-9]{1,9}(?:\.[0-9]{1,9})?\s*", re.ASCII)

T = TypeVar("T")


def value_of(answer: HttpAnswer, call: Call, parse: Callable[[object], T], now: float, most_values: int) -> T:
    """The parsed value of an answer, or its error raised. `now` is our clock, for an answer without a `Date`.

    An error says what, where and a code of ours. Nothing of the answer is in it: it may be about somebody.
    """
    if not 200 <= answer.status < 300:
        raise _error_of_status(answer, call, now)
    problem: e.SequelError
    try:
        value = decoded(answer.body, content_type=answer.content_type, most_values=most_values)
        if isinstance(value, dict) and _has_error(value):
            code = code_of(answer.body, answer.content_type)
            problem = e.HasError(f"Sequel reports an error{response_code(code)}", status=answer.status, code=code)
        else:
            return parse(value)
    except NotJsonError as error:
        if call.is_wordless and not answer.body.lstrip().startswith(b"<"):  # HTML is a proxy's, and no success
            return parse(None)
        problem = e.InvalidAnswer(f"{error}", fault="not JSON", status=answer.status)
    except TooManyValuesError as error:
        problem = e.InvalidAnswer(f"an answer of {error}", fault="too large", status=answer.status)
    except (UnsafeJsonError, WrongShapeError) as error:
        problem = e.InvalidAnswer(f"an answer that makes no sense: {error}", status=answer.status)
    except RecursionError:
        problem = e.InvalidAnswer("an answer that makes no sense: nested too deeply", status=answer.status)
    problem.path = call.path
    raise problem  # outside the handlers, so that nothing that quotes the answer is chained to it


def retry_after_seconds(answer: HttpAnswer, now: float) -> float | None:
    """How long the server wants to be left alone: seconds or an HTTP date, at most a minute; None if it did not say.

    A date is measured against the answer's own `Date`, since our clock may be off.
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


def _error_of_status(answer: HttpAnswer, call: Call, now: float) -> e.SequelError:
    status = answer.status
    if status < 400:
        what = "redirected elsewhere" if status >= 300 else f"an unexpected status {status}"
        return e.InvalidAnswer(what, fault="redirected", status=status, path=call.path)
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
    wish = retry_after_seconds(answer, now)
    return kind(
        f"{what}{response_code(code, status)}", status=status, path=call.path, retry_after_seconds=wish, code=code
    )


def _has_error(value: dict[str, object]) -> bool:
    try:
        return bool(flag_or_none(value.get("hasError")))
    except WrongShapeError:
        return False
