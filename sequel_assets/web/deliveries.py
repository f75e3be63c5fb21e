"""What a delivery says, as far as it is needed: which company, which event, when, which batch. Pure.

Everything else in it (names, e-mails, who attended) is dropped while it is being read. Missing and unknown fields are
tolerated; what is hostile is refused: depth, endless numbers, keys given twice, broken UTF-8, control characters in ids.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import pydantic_core

LONGEST_ID = 200
LONGEST_NUMBER = 18
LONGEST_FRACTION = 40
"""Characters of a number that is no integer."""
MOST_PARTS = 3_000_000
"""Brackets and commas of one body: each may become an object of some hundred bytes. 30 MiB of people are half of it."""
LARGEST_PAGE = 10_000_000
DEEPEST = 200
_MILLISECONDS = 100_000_000_000
"""An epoch time beyond it is in milliseconds: as seconds it would be the year 5138."""
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
        """Return what a repetition is known by."""
        if self.invocation_id is None:
            return self.body_sha256
        # of no invocation it is documented that its id is another for each event
        return f"{self.invocation_id}/{self.event_id or ''}/{self.page or ''}"


def read(body: bytes) -> Delivery:
    """Return what a body says; `MalformedError` for what the contract does not allow."""
    document = _document(body)
    details = document.get("details")
    if not isinstance(details, dict):
        raise MalformedError("details are missing")
    total, size = _count(details.get("totalCount")), _count(details.get("size"))
    return Delivery(
        event_type=_text(document.get("eventType")),
        invocation_id=_text(document.get("webHookInvocationId")),
        correlation_id=_text(document.get("correlationId")),
        sent_at=_moment(document.get("timestamp")),
        company_id=_text(details.get("companyId")),
        event_id=_text(details.get("eventId")),
        page=_count(details.get("page")),
        pages=-(-total // size) if total and size else None,
        body_sha256=hashlib.sha256(body).hexdigest(),
    )


def _document(body: bytes) -> dict[str, Any]:
    brackets = body.count(b"{") + body.count(b"[")
    if brackets + body.count(b",") > MOST_PARTS:
        raise MalformedError("it has too many parts")
    try:
        if brackets > DEEPEST:
            pydantic_core.from_json(body)  # quick, and refuses what is nested deeper than 200
        document = _DECODER.decode(body.decode())
    except MalformedError:
        raise
    except (ValueError, RecursionError):
        raise MalformedError("it is no JSON") from None
    if not isinstance(document, dict):
        raise MalformedError("it is no object")
    return document


def _needed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keep of an object what is read later on, so that a list of everybody weighs nothing."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("a key stands twice")
    return {} if _READ.isdisjoint(found) else {key: value for key, value in pairs if key in _READ}


def _number(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise MalformedError("a number is too long")
    return int(digits)


def _fraction(text: str) -> float:
    if len(text) > LONGEST_FRACTION:
        raise MalformedError("a number is too long")
    return float(text)


def _refuse(_name: str) -> NoReturn:
    raise MalformedError("it is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_needed, parse_int=_number, parse_float=_fraction, parse_constant=_refuse)


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > LONGEST_ID or not value.isprintable():
        raise MalformedError("an id is no short text")
    return value.strip() or None


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= LONGEST_NUMBER:
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_PAGE
    return value if is_count else None  # type: ignore[return-value]


def _moment(value: object) -> datetime | None:
    """Return a time stamp in UTC: ISO 8601 (UTC where it names no zone), RFC 2822, or seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str):
            text = value.strip()[:100]
            value = float(text) if text.replace(".", "", 1).isdecimal() and "-" not in text else text
        if isinstance(value, str):
            moment = _from_text(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        pass
    return None


def _from_text(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)
