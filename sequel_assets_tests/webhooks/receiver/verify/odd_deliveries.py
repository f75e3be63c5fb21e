"""Odd deliveries, each with what must come of it: the true moment or a refusal. Spelled without any code of the reader.

`STAMPS` are time stamps as they stand in JSON, each with its moment or None. `BODIES` are bytes and headers, each with its
status and, where that is 200, what is stored.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from sequel_assets_tests.webhooks.receiver.harness import NOW, delivery, encoded
from sequel_assets_tests.webhooks.receiver.verify.odd_times import Raw


def stamped(stamp: object, invocation_id: str = "i1") -> bytes:
    """Return a delivery with a time stamp, which is written as it is where it is `Raw`."""
    text = stamp if isinstance(stamp, Raw) else json.dumps(stamp)
    return encoded(delivery(invocation_id, timestamp="STAMP")).replace(b'"STAMP"', text.encode())


class Odd(NamedTuple):
    """A body with its headers, how it is answered, and what is stored besides the usual."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    stored: Mapping[str, Any] = {}


def _typed(charset: str) -> dict[str, str]:
    return {"content-type": f"application/json; charset={charset}"}


GOOD = encoded(delivery())
UMLAUT = json.dumps(delivery(details={"eventId": "é1"}), ensure_ascii=False)
NAMED = json.dumps(delivery(details={"eventName": "Gründung"}), ensure_ascii=False)
ZIPPED, GZIP = gzip.compress(GOOD), {"content-encoding": "gzip"}
BODIES: dict[str, Odd] = {
    "a byte order mark": Odd(200, b"\xef\xbb\xbf" + GOOD),
    "blanks around": Odd(200, b"\r\n\t " + GOOD + b"\n\n"),
    "a form feed in front": Odd(400, b"\x0c" + GOOD),
    "two byte order marks": Odd(400, b"\xef\xbb\xbf" * 2 + GOOD),
    "UTF-8": Odd(200, UMLAUT.encode(), {}, {"event_id": "é1"}),
    "UTF-8, as is told": Odd(200, UMLAUT.encode(), _typed("UTF-8"), {"event_id": "é1"}),
    "utf8, as is told": Odd(200, UMLAUT.encode(), _typed('"utf8"'), {"event_id": "é1"}),
    "Latin-1 in an id": Odd(400, UMLAUT.encode("latin-1")),
    "Latin-1 in an id, as is told": Odd(400, UMLAUT.encode("latin-1"), _typed("iso-8859-1")),
    "UTF-8 in an id, told to be Latin-1": Odd(400, UMLAUT.encode(), _typed("iso-8859-1")),
    "Latin-1 in a name": Odd(200, NAMED.encode("latin-1")),
    "Latin-1 in a name, as is told": Odd(200, NAMED.encode("latin-1"), _typed("ISO-8859-1")),
    "ASCII that is told to be Latin-1": Odd(200, GOOD, _typed("ISO-8859-1")),
    "ASCII that is told to be Windows'": Odd(200, GOOD, _typed("windows-1252")),
    "an escape that is told to be Latin-1": Odd(200, encoded(delivery(details={"eventId": "é1"})), _typed("latin1"), {"event_id": "é1"}),
    "UTF-16": Odd(400, GOOD.decode().encode("utf-16")),
    "UTF-16 without a mark": Odd(400, GOOD.decode().encode("utf-16-le")),
    "UTF-32": Odd(400, GOOD.decode().encode("utf-32")),
    "UTF-16, as is told": Odd(415, GOOD.decode().encode("utf-16"), _typed("utf-16")),
    "UTF-7": Odd(415, GOOD, _typed("utf-7")),
    "EBCDIC": Odd(415, GOOD.decode().encode("cp500"), _typed("cp500")),
    "Shift-JIS": Odd(415, GOOD, _typed("shift_jis")),
    "an unknown charset": Odd(415, GOOD, _typed("no-such")),
    "an empty charset": Odd(415, GOOD, _typed("")),
    "two charsets": Odd(415, GOOD, {"content-type": "application/json; charset=utf-8; charset=utf-16"}),
    "no content type": Odd(200, GOOD),
    "text/plain": Odd(200, GOOD, {"content-type": "text/plain"}),
    "application/problem+json": Odd(200, GOOD, {"content-type": "application/cloudevents+json;charset=utf-8"}),
    "an empty content type": Odd(200, GOOD, {"content-type": ""}),
    "a form": Odd(400, b"payload=" + GOOD, {"content-type": "application/x-www-form-urlencoded"}),
    "XML": Odd(400, b"<delivery/>", {"content-type": "application/xml"}),
    "JSON lines": Odd(400, GOOD + b"\n" + GOOD),
    "JSON5": Odd(400, GOOD[:-1] + b",}"),
    "quotes of the other kind": Odd(400, GOOD.replace(b'"', b"'")),
    "a text of JSON": Odd(400, encoded(GOOD.decode())),
    "a list of one": Odd(400, b"[" + GOOD + b"]"),
    "half of it": Odd(400, GOOD[: len(GOOD) // 2]),
    "nothing": Odd(400, b""),
    "null": Odd(400, b"null"),
    "leading zeros": Odd(400, GOOD[:-1] + b', "x": 01}'),
    "gzip": Odd(200, ZIPPED, GZIP),
    "GZip": Odd(200, ZIPPED, {"content-encoding": " GZip "}),
    "x-gzip": Odd(200, ZIPPED, {"content-encoding": "x-gzip"}),
    "identity": Odd(200, GOOD, {"content-encoding": "identity"}),
    "gzip in two members": Odd(200, gzip.compress(GOOD[:50]) + gzip.compress(GOOD[50:]), GZIP),
    "gzip of a byte order mark": Odd(200, gzip.compress(b"\xef\xbb\xbf" + GOOD), GZIP),
    "gzip in very many members": Odd(400, gzip.compress(b" ") * 100 + ZIPPED, GZIP),
    "gzip that is none": Odd(400, GOOD, GZIP),
    "gzip that is cut off": Odd(400, ZIPPED[:-9], GZIP),
    "gzip without its sum": Odd(400, ZIPPED[:-8], GZIP),
    "gzip with another sum": Odd(400, ZIPPED[:-8] + b"12345678", GZIP),
    "gzip and more": Odd(400, ZIPPED + b"more", GZIP),
    "gzip of nothing": Odd(400, gzip.compress(b""), GZIP),
    "no gzip at all": Odd(400, b"", GZIP),
    "gzip of gzip": Odd(400, gzip.compress(ZIPPED), GZIP),
    "gzip that is not told": Odd(400, ZIPPED),
    "zlib for gzip": Odd(400, zlib.compress(GOOD), GZIP),
    "a hundredfold of blanks and more": Odd(413, gzip.compress(GOOD + b" " * 900_000), GZIP),
    "32 MiB of nothing": Odd(413, gzip.compress(b"\0" * (32 << 20)), GZIP),
    "deflate": Odd(415, zlib.compress(GOOD), {"content-encoding": "deflate"}),
    "br": Odd(415, GOOD, {"content-encoding": "br"}),
    "zstd": Odd(415, GOOD, {"content-encoding": "zstd"}),
    "gzip twice": Odd(415, gzip.compress(ZIPPED), {"content-encoding": "gzip, gzip"}),
    "ids as numbers": Odd(200, encoded(delivery(details={"eventId": 10**30})), {}, {"event_id": str(10**30)}),
    "an id that is a fraction": Odd(400, encoded(delivery(details={"eventId": 1.5}))),
    "an id with an exponent": Odd(400, GOOD.replace(b'"e1"', b"1e3")),
    "an id of 200 digits": Odd(200, encoded(delivery(details={"eventId": "7" * 200})), {}, {"event_id": "7" * 200}),
    "an id of 201": Odd(400, encoded(delivery(details={"eventId": "7" * 201}))),
    "an id that is an object": Odd(400, encoded(delivery(details={"eventId": {"id": "e1"}}))),
    "an id that turns the line around": Odd(400, encoded(delivery(details={"eventId": "\u202ee1"}))),
    "a company that is a list": Odd(400, encoded(delivery(details={"companyId": ["acme"]}))),
    "a company in other letters": Odd(200, encoded(delivery(details={"companyId": "ACME"})), {}, {"company_id": "ACME", "verdict": "unknown_company"}),
    "a company with blanks": Odd(200, encoded(delivery(details={"companyId": " acme "}))),
    "details in a text": Odd(400, encoded(delivery() | {"details": json.dumps(delivery()["details"])})),
    "details in a list": Odd(400, encoded(delivery() | {"details": [delivery()["details"]]})),
    "a page that is below nothing": Odd(200, encoded(delivery(details={"page": -1, "size": 10, "totalCount": -5})), {}, {"page": None, "pages": None}),
    "pages of nothing": Odd(200, encoded(delivery(details={"page": 0, "size": 0, "totalCount": 5})), {}, {"page": 0, "pages": None}),
    "a page with a fraction of nothing": Odd(200, GOOD.replace(b'"users"', b'"page": 2.0, "size": "1e1", "totalCount": 95, "users"'), {}, {"page": 2, "pages": 10}),
    "a page of very many": Odd(200, GOOD.replace(b'"users"', b'"page": 1e9, "users"'), {}, {"page": None}),
}  # fmt: skip
USUAL: Mapping[str, Any] = {
    "company_id": "acme",
    "event_id": "e1",
    "page": None,
    "pages": None,
    "sent_at": NOW,
    "verdict": "accepted",
}
