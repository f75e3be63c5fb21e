"""Reads of a delivery what is needed: which company, which event, when, which batch. Pure.

Everything else in it (names, e-mails, who attended) is dropped during parsing and is never a reason to refuse the
delivery: not a number that no float holds, half a surrogate, a repeated key. In the fields that are read each of
these is refused, as are control characters in ids; and so are bodies of too many parts, or nested too deeply for the
parser.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from sequel_assets.webhooks.receiver import timestamps

LONGEST_ID = 200
SHORT_NUMBER = 18
"""Characters of a number that is converted; a longer one stays as it is written."""
MAX_PARTS = 3_000_000
"""Brackets and commas of one body: each may become an object of some hundred bytes. 30 MiB of people are half of it."""
LARGEST_PAGE = 10_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_READ = frozenset({
    "eventType", "webHookInvocationId", "correlationId", "timestamp", "details",
    "companyId", "eventId", "totalCount", "page", "size",
})  # fmt: skip


class MalformedError(ValueError):
    """The body is not what the contract says; the text says why, without quoting it."""


@dataclass(frozen=True)
class Delivery:
    """What was read of a delivery."""

    event_type: str | None
    invocation_id: str | None
    correlation_id: str | None
    sent_at: datetime | None
    """None also where the time stamp cannot be read."""
    company_id: str | None
    event_id: str | None
    page: int | None
    pages: int | None
    body_sha256: str

    @property
    def key(self) -> str:
        """Return what identifies a repetition of this delivery."""
        if self.invocation_id is None:
            return self.body_sha256
        # it is not documented that the id of an invocation differs from event to event
        return f"{self.invocation_id}/{self.event_id or ''}/{self.page or ''}"


def read(body: bytes, *, is_ascii_only: bool = False) -> Delivery:
    """Return what a body says; `MalformedError` for what the contract does not allow."""
    document = _document(body, "ascii" if is_ascii_only else "utf-8")
    details = document.get("details")
    if not isinstance(details, dict):
        raise MalformedError("details are missing")
    total, size = _count(details.get("totalCount")), _count(details.get("size"))
    return Delivery(
        event_type=_text(document.get("eventType")),
        invocation_id=_label(document.get("webHookInvocationId")),
        correlation_id=_label(document.get("correlationId")),
        sent_at=_time_sent(document.get("timestamp")),
        company_id=_text(details.get("companyId")),
        event_id=_text(details.get("eventId")),
        page=_count(details.get("page")),
        pages=-(-total // size) if total and size else None,
        body_sha256=hashlib.sha256(body).hexdigest(),
    )


def _document(body: bytes, charset: str) -> dict[str, Any]:
    if body.count(b"{") + body.count(b"[") + body.count(b",") > MAX_PARTS:
        raise MalformedError("it has too many parts")
    try:
        # bytes that are no UTF-8 become surrogates, which ids may not contain
        document = _DECODER.decode(body.removeprefix(BYTE_ORDER_MARK).decode(charset, "surrogateescape"))
    except (ValueError, RecursionError):
        raise MalformedError("it is no JSON") from None
    if not isinstance(document, dict):
        raise MalformedError("it is no object")
    return document


class _Number(str):
    """A number as it is written, since converting it is costly or loses digits; only needed ones are interpreted."""

    __slots__ = ()


def _integer(digits: str) -> int | _Number:
    return int(digits) if len(digits) <= SHORT_NUMBER else _Number(digits)


def _fraction(text: str) -> float | _Number:
    return value if len(text) <= SHORT_NUMBER and repr(value := float(text)) == text else _Number(text)


_REPEATED = object()
"""The value of a key that occurs twice: neither of the two can be trusted."""


def _needed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keep of an object what is read later, so that a list of all participants takes no memory."""
    found = dict(pairs)
    if _READ.isdisjoint(found):
        return {}
    needed: dict[str, Any] = {}
    for key, value in pairs:
        if key in _READ:
            needed[key] = _REPEATED if key in needed else value
    return needed


_DECODER = json.JSONDecoder(
    object_pairs_hook=_needed, parse_int=_integer, parse_float=_fraction, parse_constant=_Number, strict=False
)


def _as_written(value: object) -> str | None:
    """Return a number as it is written; None for anything else."""
    is_number = isinstance(value, int | float | _Number) and not isinstance(value, bool)
    return str(value) if is_number else None


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    number = _as_written(value)
    is_id = isinstance(value, str) if number is None else number.removeprefix("-").isdecimal()
    text = str(value) if is_id else ""
    if not is_id or len(text) > LONGEST_ID or not text.isprintable():
        raise MalformedError("an id is no short text")
    return text.strip() or None


def _label(value: object) -> str | None:
    """Return an id that a delivery can do without; None where it is no short text."""
    try:
        return _text(value)
    except MalformedError:
        if value is _REPEATED:
            raise
        return None


_COUNT = re.compile(r"\d{1,18}(?:\.\d{1,18})?(?:[eE]\+?\d)?", re.ASCII)


def _count(value: object) -> int | None:
    """Return an integer, also one that is written as a string or with a zero fraction; None for anything else."""
    if value is _REPEATED:
        raise MalformedError("a key is repeated")
    written = value.strip(" ") if isinstance(value, str) else _as_written(value)
    if written is None or not _COUNT.fullmatch(written):
        return None
    number = Fraction(written)
    return int(number) if number.denominator == 1 and number <= LARGEST_PAGE else None


def _time_sent(value: object) -> datetime | None:
    """Return a time stamp in UTC; None where there is none, or none that can be read."""
    if value is _REPEATED:
        raise MalformedError("a key is repeated")
    number = _as_written(value)
    if number is not None:
        return timestamps.of_number(number)
    return timestamps.of_text(value) if isinstance(value, str) else None
