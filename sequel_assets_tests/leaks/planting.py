"""Who is planted, in which spellings, and the errors that name them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

STEM = "qzxplanted"
"""Every planted person's name, e-mail, user id and text holds it and a number; nothing else does."""
EVENT_STEM = "evqplanted"
"""Likewise of what events, polls and hubs are called."""


def person(number: int) -> str:
    """What a person is known by."""
    return f"{STEM}{number:04}"


def email(number: int) -> str:
    """A plain spelling of the e-mail."""
    return f"{person(number)}@people.example"


def spellings(number: int) -> list[str]:
    """A person in sixteen spellings, of which a filter for e-mails knows the first few at best."""
    who = person(number)
    return [
        email(number), f"{who}%40people.example", f"{who}%2540people.example", f"{who}\uff20people.example",
        f'"first {who}"@people.example', f"{who} at people.example", f"{who} (at) people (dot) example", f"Ms {who.title()} Öz",
        f"{who}\u200b@people.example", f"{who}&#64;people.example", f"mailto:{who}@people.example?x=y", f"{who}|||event",
        f"{who.upper()}@PEOPLE.EXAMPLE", f"\x1b]52;c;{who}\x07", f"'{who}'; DROP TABLE people", f"{who}\r\n{who}",
    ]  # fmt: skip


def said(number: int) -> str:
    """All spellings in one text."""
    return f"User {'; '.join(spellings(number))} not found, no quota left"


Raw = Callable[[int], bytes]


def _response(status: str, body: bytes, content_type: str, *, length: int | None = None, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body) if length is None else length}\r\n{more}\r\n"
    return head.encode("latin-1", "replace") + body


def _json(status: str, value: Callable[[int], object], more: Callable[[int], str] = lambda _: "") -> Raw:
    return lambda number: _response(status, json.dumps(value(number)).encode(), "application/json", more=more(number))


def _text(status: Callable[[int], str], content_type: Callable[[int], str] = lambda _: "text/plain") -> Raw:
    return lambda number: _response(status(number), said(number).encode(), content_type(number))


ERRORS: dict[str, Raw] = {
    "400 JSON": _json("400 Bad Request", lambda n: {"hasError": True, "errorMessage": said(n)}),
    "403 JSON": _json("403 Forbidden", lambda n: {"hasError": True, "errorMessage": said(n)}),
    "404 text": _text(lambda n: f"404 {person(n)}"),
    "404 JSON": _json("404 Not Found", lambda n: {"message": said(n), person(n): {email(n): [said(n)]}}),
    "409": _text(lambda n: f"409 {email(n)}", lambda n: f"text/{person(n)}"),
    "422": _json("422 Unprocessable", lambda n: [{"loc": [person(n)], "input": said(n)}]),
    "429": _json("429 Too Many", lambda n: {"errorMessage": said(n)}, lambda n: f"Retry-After: {person(n)}\r\n"),
    "500 JSON": _json(
        "500 Oops", lambda n: {"error": said(n), "stack": [said(n)]}, lambda n: f"X-User: {email(n)}\r\n"
    ),
    "502 HTML": lambda n: _response("502 Bad", f"<h1>{html.escape(said(n))}</h1>{said(n)}".encode(), "text/html"),
    "503 text": _text(lambda n: "503 Unavailable"),
    "302": lambda n: _response(
        "302 Found", said(n).encode(), "text/plain", more=f"Location: https://{person(n)}.example/\r\n"
    ),
    "200 hasError": _json("200 OK", lambda n: {"hasError": "true", "errorMessage": said(n)}),
    "200 HTML": lambda n: _response("200 OK", f"<html>{said(n)}</html>".encode(), "text/html"),
    "200 text": _text(lambda n: f"200 {person(n)}"),
    "200 empty list of people": _json("200 OK", lambda n: [said(n)]),
    "200 a text": _json("200 OK", said),
    "200 an object of people": _json("200 OK", lambda n: {person(n): email(n), "uid": {person(n): 1}}),
    "200 keys twice": lambda n: _response(
        "200 OK", f'{{"{person(n)}": 1, "{person(n)}": 2}}'.encode(), "application/json"
    ),
    "200 cut off": lambda n: _response("200 OK", f'{{"uid": "{person(n)}'.encode(), "application/json"),
    "200 truncated": lambda n: _response("200 OK", f'{{"uid": "{person(n)}'.encode(), "application/json", length=9999),
    "200 UTF-16": lambda n: _response("200 OK", person(n).encode("utf-16"), "application/json"),
    "200 broken gzip": lambda n: _response(
        "200 OK", person(n).encode(), "application/json", more="Content-Encoding: gzip\r\n"
    ),
    "no HTTP": lambda n: f"{person(n)} {email(n)}\r\n\r\n".encode(),
}


def wrong_values(number: int) -> list[object]:
    """What a field may hold instead of what it should: somebody, in each kind of JSON's."""
    return [
        said(number),
        [said(number)],
        {person(number): said(number)},
        f"2026-{person(number)}",
        f"{number} {person(number)}",
        [[person(number)]],
    ]


def needles(stem: str) -> list[bytes]:
    """How a stem may stand in bytes: as it is, percent-encoded to the letter, as UTF-16, and within base64 at each offset."""
    raw = stem.encode()
    found = [
        raw,
        "".join(f"%{byte:02x}" for byte in raw).encode(),
        raw.decode().encode("utf-16-le"),
        quote(stem).encode(),
    ]
    for offset in range(3):
        inner = base64.b64encode(b"\0" * offset + raw)[4 if offset else 0 : -4]
        found.append(inner)
    return sorted(set(found))
