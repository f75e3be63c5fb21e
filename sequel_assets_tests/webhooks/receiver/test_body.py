"""Bodies are read up to their limit, and not a byte further."""

import asyncio

import pytest
from starlette.types import Message

from sequel_assets.webhooks.receiver.body import TooLargeError, TooManyLargeError, read_body


def read(*pieces: bytes, limit: int = 8, small: int = 8, may_be_large: bool = False) -> bytes:
    """Read a body that arrives in pieces."""
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]

    async def receive() -> Message:
        return messages.pop(0)

    return asyncio.run(read_body(receive, limit, 20, small, lambda: may_be_large))


def test_a_body_of_exactly_the_limit_is_read() -> None:
    """In one piece or in several."""
    assert [read(b"12345678"), read(b"1234", b"", b"5678")] == [b"12345678", b"12345678"]


def test_a_body_of_a_byte_more_than_the_limit_is_refused() -> None:
    """As soon as that byte has come."""
    for pieces in ([b"123456789"], [b"12345678", b"9", b"and more that is not waited for"]):
        with pytest.raises(TooLargeError):
            read(*pieces)


def test_only_a_body_of_more_than_a_small_one_needs_the_place_of_a_large_one() -> None:
    """To the byte."""
    assert read(b"1234", small=4) == b"1234"
    assert read(b"12345", small=4, may_be_large=True) == b"12345"
    with pytest.raises(TooManyLargeError):
        read(b"12345", small=4)
