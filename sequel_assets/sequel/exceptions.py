"""What can go wrong with Sequel, one class for each reason that a caller may want to treat differently.

    SequelError
      ├── Unreachable      no connection: DNS, refused, TLS, proxy, connect time-out; `reason` says which, in words
      ├── Interrupted      connected, but no complete response in time: time-out, reset, slow drip; `reason` likewise
      ├── SignInRefused    the token endpoint said no, or a fresh token was refused too
      ├── Forbidden        403; a company's `list`: the parent's licence; its `events`: access; elsewhere: a quota
      ├── NotFound         404
      ├── Throttled        429
      ├── ServerError      5xx
      ├── BadRequest       400 and every other 4xx
      ├── HasError         `hasError: true` under 200
      ├── OutOfRequests    the client has sent as many requests as it may (`SequelConfig.max_requests`)
      ├── Uncertain        sent a call that must not be sent twice, and whether Sequel did it is unknown
      └── InvalidResponse    not JSON, HTML, truncated, too large, redirected, of the wrong shape; `fault` says which

`Interrupted` is not `Unreachable`: one slow event fails its own slice, while an unreachable host ends the run. Messages
contain what failed, where and after how many attempts, and never what Sequel sent: no token, no body, no word of an
error text. Messages end up in logs, in the table of problems and in Dagster's event log, and Sequel's texts may name
people. The status and a code of ours (`codes`) describe an error response; SEQUEL_DEBUG_ANSWERS keeps its text in a
file (`transport/debug_answers.py`). For the same reason these errors are raised without a cause: a parser's exception
carries the body with it.
"""

from __future__ import annotations

# ruff: noqa: N818 -- named for what happened, as httpx's are
from typing import Literal

Fault = Literal["not JSON", "truncated", "too large", "redirected", "wrong shape"]
LONGEST_PATH = 300
"""Characters of a path in a message: ids are of any length."""


class SequelError(Exception):
    """Anything that Sequel, or the way to it, did wrong.

    `attempts` is 0 until the client raises the error to its caller. `is_retryable` says whether a later attempt may
    succeed; `path` has the escaped ids and no query; `retry_after_seconds` is what the server asks for, if anything;
    `code` is our description of an error response; `reason` says in words why there is no connection or no complete
    response.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        path: str = "",
        retry_after_seconds: float | None = None,
        code: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.path = path
        self.retry_after_seconds = retry_after_seconds
        self.code = code
        self.reason = reason
        self.attempts = 0
        self.is_retryable = False

    def __str__(self) -> str:
        """One line: what, where, how often tried."""
        path = self.path if len(self.path) <= LONGEST_PATH else f"{self.path[: LONGEST_PATH - 1]}…"
        where = f" ({path})" if path else ""
        tried = f", tried {self.attempts} times" if self.attempts > 1 else ""
        return f"{self.message}{where}{tried}"

    def __repr__(self) -> str:
        """As `str`, with the class: the arguments hold nothing more."""
        return f"{type(self).__name__}({str(self)!r})"


class Unreachable(SequelError):
    """No connection came about."""


class Interrupted(SequelError):
    """The connection was made, but no complete response arrived."""


class SignInRefused(SequelError):
    """The client id and secret, or the token made from them, are not accepted."""


class Forbidden(SequelError):
    """403."""


class NotFound(SequelError):
    """404."""


class Throttled(SequelError):
    """429."""


class ServerError(SequelError):
    """5xx."""


class BadRequest(SequelError):
    """400, and any 4xx without a class of its own."""


class HasError(SequelError):
    """Sequel's own error envelope under a status of success."""


class OutOfRequests(SequelError):
    """The client has sent as many requests as it may; nothing was sent."""


class Uncertain(SequelError):
    """Sent once, and no response says whether Sequel did it. Look up the state before sending the call once more."""


class InvalidResponse(SequelError):
    """A response that cannot be what was requested."""

    def __init__(
        self, message: str, *, fault: Fault = "wrong shape", status: int | None = None, path: str = ""
    ) -> None:
        super().__init__(message, status=status, path=path)
        self.fault: Fault = fault


FATAL = (SignInRefused, Unreachable)
"""Errors that end a run: no other request would fare better."""
