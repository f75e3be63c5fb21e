"""Bodies from outside, bounded in size and time while they arrive. Nothing in them is interpreted here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from anyio.to_thread import run_sync
from starlette.types import Receive

from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.receiver.body_encoding import InflatedTooLargeError, inflated


class BodyError(Exception):
    """The body was not taken."""


class TooLargeError(BodyError):
    """It is longer than it may be."""


class TooSlowError(BodyError):
    """It did not arrive in time."""


class GoneError(BodyError):
    """Its sender hung up."""


class TooManyLargeError(BodyError):
    """As many large bodies are being read as may be at once."""

    def __init__(self, *, is_complete: bool) -> None:
        super().__init__()
        self.is_complete = is_complete


@dataclass(frozen=True)
class Bounds:
    """What one delivery may cost."""

    body_bytes: int
    ended_body_bytes: int
    read_seconds: float
    concurrency: int

    def body(self, event_type: str) -> int:
        """Return the longest body of a subscription's deliveries."""
        return self.ended_body_bytes if event_type == WebhookType.ENDED else self.body_bytes


async def read_body(
    receive: Receive, limit: int, seconds: float, small: int, may_be_large: Callable[[], bool], *, is_gzip: bool = False
) -> bytes:
    """Return the complete body, inflated; a `BodyError` as soon as it is too long or too slow, compressed or inflated.

    `may_be_large` is called, once, when it turns out to be longer than `small`.
    """
    pieces: list[bytes] = []
    size, more, is_large = 0, True, False
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                pieces.append(message.get("body", b""))
                size, more = size + len(pieces[-1]), message.get("more_body", False)
                if size > limit:
                    raise TooLargeError
                if size > small and not is_large:
                    is_large = True
                    if not may_be_large():
                        raise TooManyLargeError(is_complete=not more)
    except TimeoutError:
        raise TooSlowError from None
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return await _inflated(body, limit, small, lambda: is_large or may_be_large()) if is_gzip else body


async def _inflated(body: bytes, limit: int, small: int, may_be_large: Callable[[], bool]) -> bytes:
    """Inflate a body, in a thread; one that turns out to be large is inflated from the start once it may be."""
    for longest in (small, limit) if small < limit else (limit,):
        try:
            return await run_sync(inflated, body, longest)
        except InflatedTooLargeError:
            if longest < limit and not may_be_large():
                raise TooManyLargeError(is_complete=True) from None
    raise TooLargeError


async def drain(receive: Receive, limit: int, seconds: float) -> bool:
    """Read and discard a body that is refused, within limits; return whether that was all of it.

    A sender that is answered before it has sent everything may see a closed connection instead of the answer.
    """
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while size <= limit:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return bool(message["type"] == "http.request")
    except TimeoutError:
        pass
    return False
