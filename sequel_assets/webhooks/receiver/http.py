"""One exchange by HTTP: what its headers say, and how it is answered."""

from starlette.types import Scope, Send

from sequel_assets.webhooks.receiver.verify import Verification


async def tell(send: Send, verdict: Verification, whole: bool) -> None:
    """Answer by the status; a refusal in words as well."""
    body = b"" if verdict is Verification.ACCEPTED else f"{verdict.words}\n".encode()
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain; charset=utf-8")]
    if not whole:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": verdict.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers, names lower-cased; one that came twice is joined by a comma, and so fits nothing."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def declared_length(headers: dict[str, str]) -> int:
    """Return the length that the body is said to have, 0 where none is said."""
    told = headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= 18 else 0
