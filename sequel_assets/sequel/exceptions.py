"""What can go wrong with Sequel, one class for each reason that a caller may want to treat differently.

    SequelError
      ├── Unreachable      no connection: DNS, refused, TLS, proxy, connect time-out; `reason` says which, in words
      ├── Interrupted      connected, but no whole answer in time: time-out, reset, drip feed; `reason` likewise
      ├── SignInRefused    the token endpoint said no, or a fresh token was refused too
      ├── Forbidden        403; on a company's `list` it is the parent's licence, on its `events` the access, elsewhere a quota
      ├── NotFound         404
      ├── Throttled        429
      ├── ServerError      5xx
      ├── BadRequest       400 and every other 4xx
      ├── HasError         `hasError: true` under 200
      ├── Uncertain        asked for something that must not be asked for twice, and whether it was done is not known
      └── InvalidAnswer    not JSON, HTML, truncated, too large, redirected, of the wrong shape; `fault` says which

`Interrupted` stands apart from `Unreachable` because one slow event fails its own slice, while an unreachable host
ends the run. Messages hold what, where and how often tried, and nothing that Sequel said: no token, no body, not one word of
an error, since they end up in logs, in a database of problems and in Dagster's event log. What an error answer was like is
told by its status and a code of ours (`codes`); its text is kept in a file where the owner asks for that (`kept_answers`).
For the same reason these errors are raised without a cause: the exceptions of parsers carry the body with them.
"""
# ruff: noqa: N818 -- named for what happened, as httpx's are

from __future__ import annotations

from typing import Literal

Fault = Literal["not JSON", "truncated", "too large", "redirected", "wrong shape"]
LONGEST_PATH = 300
"""Characters of a path in a message: ids are of any length."""


class SequelError(Exception):
    """Anything that Sequel, or the way to it, did wrong.

    `attempts` is 0 until the client gives the error to its caller. `is_retryable` says whether trying again later may
    help; `path` holds the escaped ids and no query; `retry_after_seconds` is the server's wish, if it had one; `code` is
    our word for what an error answer was like.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        path: str = "",
        retry_after_seconds: float | None = None,
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.path = path
        self.retry_after_seconds = retry_after_seconds
        self.code = code
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

    def __init__(self, message: str, *, reason: str = "", path: str = "") -> None:
        super().__init__(message, path=path)
        self.reason = reason


class Interrupted(SequelError):
    """A connection was there, a whole answer was not."""

    def __init__(self, message: str, *, reason: str = "", path: str = "") -> None:
        super().__init__(message, path=path)
        self.reason = reason


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
    """Sequel's own error envelope under a status that promised success."""


class Uncertain(SequelError):
    """Sent once, not to be sent blindly again, and no answer says whether Sequel did it: look before asking anew."""


class InvalidAnswer(SequelError):
    """An answer that cannot be what was asked for."""

    def __init__(
        self, message: str, *, fault: Fault = "wrong shape", status: int | None = None, path: str = ""
    ) -> None:
        super().__init__(message, status=status, path=path)
        self.fault: Fault = fault


FATAL = (SignInRefused, Unreachable)
"""Errors that end a run: no other request would fare better."""
