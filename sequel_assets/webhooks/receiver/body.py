"""Bodies from outside, bounded in size and time while they arrive."""

import asyncio
from collections.abc import Callable

from anyio.to_thread import run_sync
from starlette.types import Receive

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
    """There are as many large ones under way as there may be."""

    def __init__(self, *, is_whole: bool) -> None:
        super().__init__()
        self.is_whole = is_whole


async def read_body(
    receive: Receive, limit: int, seconds: float, small: int, may_be_large: Callable[[], bool], *, is_gzip: bool = False
) -> bytes:
    """Return the whole body, inflated; a `BodyError` as soon as it is too long or too slow, as it comes or inflated.

    `may_be_large` is asked, once, when it turns out to be longer than `small`.
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
                        raise TooManyLargeError(is_whole=not more)
    except TimeoutError:
        raise TooSlowError from None
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return await _inflated(body, limit, small, lambda: is_large or may_be_large()) if is_gzip else body


async def _inflated(body: bytes, limit: int, small: int, may_be_large: Callable[[], bool]) -> bytes:
    """Inflate a body, in a thread; one that proves to be large is begun again once it may be."""
    for most in (small, limit) if small < limit else (limit,):
        try:
            return await run_sync(inflated, body, most)
        except InflatedTooLargeError:
            if most < limit and not may_be_large():
                raise TooManyLargeError(is_whole=True) from None
    raise TooLargeError


async def drain(receive: Receive, limit: int, seconds: float) -> bool:
    """Let a body that is refused arrive and forget it, as far as that is bearable; say whether that was all of it.

    Who is answered before all is sent may see a closed connection instead of the answer.
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
