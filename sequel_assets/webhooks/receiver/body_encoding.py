"""How a body is encoded: which encodings are understood, and gzip inflated within bounds. Pure."""

import re
import zlib
from collections.abc import Mapping

_GZIP = ("gzip", "x-gzip")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";,\s]*)", re.ASCII | re.IGNORECASE)
_UTF_8 = re.compile(r"utf-?8|(us-)?ascii", re.IGNORECASE)
_LIKE_ASCII = re.compile(r"iso-?8859-\d{1,2}|latin-?1|(windows-|cp)125\d", re.IGNORECASE)
FREE_BYTES, MAX_TIMES = 64 << 10, 100
"""A gzip body may inflate to so many bytes, or to so many times its own length: a list of people is some twenty
times."""
MAX_MEMBERS = 16


class NotGzipError(Exception):
    """It is no gzip, or not all of it."""


class InflatedTooLargeError(Exception):
    """It is longer inflated than it may be."""


def is_understood(headers: Mapping[str, str]) -> bool:
    """Say whether a body is plain or gzip, in UTF-8 or a superset of ASCII, as far as the headers say."""
    coding = headers.get("content-encoding", "").strip().lower()
    known = (_UTF_8.fullmatch(name) or _LIKE_ASCII.fullmatch(name) for name in _charsets(headers))
    return coding in ("", "identity", *_GZIP) and all(known)


def is_gzip(headers: Mapping[str, str]) -> bool:
    """Say whether a body is to be inflated."""
    return headers.get("content-encoding", "").strip().lower() in _GZIP


def is_ascii_only(headers: Mapping[str, str]) -> bool:
    """Say whether only the ASCII in a body can be relied on, since the headers name another encoding than UTF-8."""
    return not all(_UTF_8.fullmatch(name) for name in _charsets(headers))


def inflated(body: bytes, limit: int) -> bytes:
    """Return what was packed.

    `InflatedTooLargeError` as soon as it is too long, `NotGzipError` where it cannot be had.
    """
    longest = min(limit, max(FREE_BYTES, MAX_TIMES * len(body)))
    pieces: list[bytes] = []
    size = 0
    try:
        for _ in range(MAX_MEMBERS):  # a file of gzip may have several, one behind the other
            stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            pieces.append(stream.decompress(body, longest - size + 1))
            size += len(pieces[-1])
            if size > longest:
                raise InflatedTooLargeError
            if not stream.eof:
                raise NotGzipError
            if not (body := stream.unused_data):
                return b"".join(pieces)
    except zlib.error:
        pass
    raise NotGzipError


def _charsets(headers: Mapping[str, str]) -> list[str]:
    return _CHARSET.findall(headers.get("content-type", ""))
