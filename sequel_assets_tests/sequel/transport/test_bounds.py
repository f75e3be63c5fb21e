"""What one answer may take: time, from the first byte to the last, and memory, however small it came."""

from __future__ import annotations

import gc
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.sequel import InvalidResponse
from sequel_assets.sequel.parsing import decoding
from sequel_assets.sequel.parsing.decoding import (
    DEEPEST_NESTING,
    TooManyValuesError,
    UnsafeJsonError,
    decoded,
    max_value_count,
)
from sequel_assets.sequel.parsing.inflating import PIECE_BYTES, BrokenCompressionError, inflated
from sequel_assets.sequel.parsing.shapes import MAX_ITEMS
from sequel_assets_tests.sequel.conftest import Wire
from sequel_assets_tests.sequel.transport.served import _no_proxy

__all__ = ["_no_proxy"]
BOMBS = {
    "lists": b"[" + b"[]," * 21_000 + b"[]]",
    "objects": b"[" + b'{"a":1},' * 11_000 + b"1]",
    "numbers": b"[" + b"0," * 21_000 + b"0]",
    "texts": b"[" + b'"",' * 21_000 + b'""]',
    "with a long text": b'["' + b"," * 1000 + b'",' + b"0," * 21_000 + b"0]",
    "cut off": b'{"a":[' + b"[]," * 21_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_too_many_values_are_refused_before_there_is_one(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take up to fifty times the memory of what came; what counts them takes a few times that."""
    monkeypatch.setattr(decoding, "WINDOW_BYTES", 4096)
    body = BOMBS[bomb]
    tracemalloc.start()
    try:
        with pytest.raises(TooManyValuesError, match=r"^more than 20,000 values$"):
            decoded(body, max_values=20_000)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body) + 200_000
    finally:
        tracemalloc.stop()


def test_commas_and_brackets_within_texts_are_no_values() -> None:
    """Somebody's text may hold as many as it likes, escaped quotes too."""
    text = ',[{"\\' * 30
    assert decoded(json.dumps([text, {text: text}]).encode(), max_values=5) == [text, {text: text}]
    with pytest.raises(TooManyValuesError):
        decoded(json.dumps([text, {text: text}, 1, 2]).encode(), max_values=5)


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('",[]{}\\:a', max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('",[]{}\\:a', max_size=3), inner, max_size=4),
    max_leaves=30,
)


def counted(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(counted(one) for one in inner)


@given(NESTED)
def test_the_bound_is_never_below_the_number_of_values(value: object) -> None:
    """Also compact and with blanks, whatever the texts hold."""
    for body in (json.dumps(value).encode(), json.dumps(value, separators=(",", ":"), indent=1).encode()):
        assert max_value_count(body) >= counted(value)
        assert decoded(body, max_values=max(2, 2 * counted(value))) == value  # a pair of brackets more than its values


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: [{"]}": inner}, 1]])
def test_nesting_is_bounded_whatever_it_is_made_of(wrap: Callable[[object], object]) -> None:
    """As deep as the bound is taken, a step more is not."""
    steps = 2 if b"]}" in json.dumps(wrap(0)).encode() else 1
    value: object = 0
    for _ in range(DEEPEST_NESTING // steps):
        value = wrap(value)
    many = [1] * 200
    assert decoded(json.dumps([many, value][1]).encode()) == value
    for _ in range(2):
        value = wrap(value)
    for body in (json.dumps(value), json.dumps([many, value, [[]] * 100])):
        with pytest.raises(UnsafeJsonError, match=r"^nested too deeply$"):
            decoded(body.encode())


def test_numbers_of_too_many_digits_are_refused() -> None:
    """Of fractions too."""
    for digits in ("1" * 65, "0." + "0" * 70 + "1", "-" + "1" * 65, "1e" + "0" * 70 + "1"):
        with pytest.raises(UnsafeJsonError, match=r"^a number of too many digits$"):
            decoded(f"[{digits}]".encode())


def test_a_small_answer_that_would_grow_is_refused_at_once(wire: Wire) -> None:
    """56 KB of gzip are 57 MB of JSON, and were 1.5 GB of memory."""
    small = gzip.compress(b"[" + b"[]," * 19_000_000 + b"[]]", 9)
    assert len(small) < 60_000
    headers = {"content-encoding": "gzip"}
    wire.answer = lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(small))
    with wire.client() as client, pytest.raises(InvalidResponse) as caught:
        client.company("c")
    assert (caught.value.message, caught.value.fault, caught.value.attempts) == (
        "an answer of more than 2,000,000 values",
        "too large",
        1,
    )


TEXT = b'{"a": "' + b"x" * 700_000 + b'"}'


def bare(text: bytes) -> bytes:
    squeezed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeezed.compress(text) + squeezed.flush()


@pytest.mark.parametrize("size", [1, 7, 10**9], ids=["byte by byte", "sevens", "whole"])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", TEXT[:2000]),
        ("Identity", TEXT[:2000]),
        ("gzip", gzip.compress(TEXT)),
        (" X-GZIP ", gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]) + b"\0\0"),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
    ],
    ids=["plain", "identity", "gzip", "members", "zlib", "bare"],
)
def test_compressed_bodies_come_out_whole_and_in_small_pieces(encoding: str, packed: bytes, size: int) -> None:
    """However they are cut into packets."""
    packets = [packed[start : start + size] for start in range(0, len(packed), size)]
    pieces = list(inflated([b"", *packets, b""], encoding))
    assert b"".join(pieces) == (TEXT if len(packed) != 2000 else TEXT[:2000])
    assert max(map(len, pieces)) <= PIECE_BYTES


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT)[:-9]),
        ("gzip", gzip.compress(TEXT) + b"x"),
        ("gzip", b"plain"),
        ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
        ("deflate", zlib.compress(TEXT)[:-1]),
        ("deflate", b"x plain"),
        ("br", b"plain"),
        ("zstd", b""),
    ],
)
def test_what_is_not_compressed_as_it_says_is_refused(encoding: str, packed: bytes) -> None:
    """Half of it would be half an answer."""
    with pytest.raises(BrokenCompressionError) as caught:
        list(inflated([packed], encoding))
    assert caught.value.__context__ is None


def test_an_error_holds_nothing_of_the_answer(wire: Wire) -> None:
    """Neither by its traceback: eight large answers that were refused would stay in memory until their errors are told."""
    wire.answer = lambda _: httpx.Response(200, content=b'["' + b"x" * 1_000_000 + b'"]')
    with wire.client() as client:
        tracemalloc.start()
        try:
            with pytest.raises(InvalidResponse) as caught:
                client.company("c")
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < 500_000
        finally:
            tracemalloc.stop()
    assert caught.value.fault == "wrong shape"


def test_a_list_longer_than_any_is_refused(wire: Wire) -> None:
    """Before its items become objects of a kilobyte each."""
    wire.answer = lambda _: httpx.Response(200, content=b"[" + b"1," * MAX_ITEMS + b"1]")
    with wire.client() as client, pytest.raises(InvalidResponse, match="the answer has more than 200,000 items"):
        client.events("c")
