"""Writes error responses verbatim to a file (SEQUEL_DEBUG_ANSWERS). They are personal data: mode 0600, bounded.

One JSON object a line: time, call, status, our message, content type and body. Secrets and tokens are replaced, and
bodies that may contain a new one are left out. Threads and processes append under the file's lock. A full file drops
its older half. A file that others may read, that belongs to another user or is no regular file is refused. No call may
fail because of this file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sequel_assets.sequel.exceptions import SequelError
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.http import HttpResponse

LARGEST_FILE_BYTES = 16 * 1024 * 1024
LONGEST_BODY_BYTES = 64 * 1024
LEFT_OUT, SECRET = "(left out: it may hold a secret)", "[secret]"
_MAY_CONTAIN_SECRETS = frozenset({"token", "webhooks", "webhook", "renew_webhook"})

logger = logging.getLogger(__name__)


class DebugAnswerFile:
    """The file, or none. The constructor creates it, and raises `ValueError` where it may not be written."""

    def __init__(self, path: str | None, *, largest_bytes: int = LARGEST_FILE_BYTES) -> None:
        self._path = Path(path).absolute() if path is not None else None
        self._largest_bytes = largest_bytes
        self._is_out_of_order = False
        if self._path is not None:
            try:
                with _opened(self._path):
                    pass
            except OSError as error:
                raise ValueError(f"debug_answers: {self._path}: {error.strerror or type(error).__name__}") from None

    def keep(self, call: Call, answer: HttpResponse, error: SequelError, secrets: Iterable[str], at: float) -> None:
        """Append a response. A file that cannot be written is logged once and then left alone; no call fails for it."""
        if self._path is None or self._is_out_of_order:
            return
        line = _line(call, answer, error, secrets, at)
        try:
            with _opened(self._path) as file:
                _append(file, line, self._largest_bytes)
        except OSError as wrong:
            self._is_out_of_order = True
            logger.warning("%s cannot be written any more (%s): answers are not kept", self._path, wrong.strerror)


def _line(call: Call, answer: HttpResponse, error: SequelError, secrets: Iterable[str], at: float) -> bytes:
    is_kept = answer.status >= 300 or call.name not in _MAY_CONTAIN_SECRETS
    text = answer.body[:LONGEST_BODY_BYTES].decode(errors="backslashreplace") if is_kept else LEFT_OUT
    entry = {
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "call": f"{call.method} {call.path}",
        "status": answer.status,
        "error": error.message,
        "content_type": answer.content_type[:200],
        "body_bytes": len(answer.body),
        "body": _without(text, secrets),
    }
    return json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        text = text.replace(secret, SECRET)
    return text


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, locked, if it is a regular file of this user that nobody else may read; no link is followed."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        file = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PermissionError(error.errno, "it is a link; name the file itself") from None
        raise
    try:
        seen = os.fstat(file)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1:
            raise PermissionError(errno.EPERM, "it is no plain file, or has a second name")
        if seen.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it belongs to somebody else")
        if seen.st_mode & 0o077:
            raise PermissionError(errno.EPERM, "others may read or write it; chmod 600 it, or delete it")
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _append(file: int, line: bytes, largest_bytes: int) -> None:
    """Write a line; where the file would become too large, its older half goes first, up to the end of a line."""
    size = os.fstat(file).st_size
    if size + len(line) > largest_bytes:
        half = os.pread(file, largest_bytes // 2, max(0, size - largest_bytes // 2))
        os.ftruncate(file, 0)
        line = half[half.find(b"\n") + 1 :] + line
    while line:
        line = line[os.write(file, line) :]
