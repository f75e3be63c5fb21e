"""One HTTP exchange: what its headers say, and how it is answered. It knows nothing of subscriptions."""

from dataclasses import dataclass

from starlette.types import Scope, Send

from sequel_assets.webhooks.receiver.verify import Verification


@dataclass(frozen=True)
class Reply:
    """What is answered, and whether all of the request has arrived: else the connection is closed after the answer."""

    result: Verification
    is_complete: bool = True


async def respond(send: Send, reply: Reply) -> None:
    """Answer by the status; a refusal by a line of text as well."""
    body = b"" if reply.result is Verification.ACCEPTED else f"{reply.result.message}\n".encode()
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain; charset=utf-8")]
    if not reply.is_complete:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.result.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers, names lower-cased; one that came twice is joined by a comma, and so matches nothing."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def declared_length(headers: dict[str, str]) -> int:
    """Return the declared length of the body, 0 where none is declared."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) <= 18 else 0
