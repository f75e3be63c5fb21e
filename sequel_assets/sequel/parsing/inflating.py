"""Decompresses bodies in small pieces: 64 KB can inflate to 64 MB, which a bound must refuse before it is in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

PIECE_BYTES = 256 * 1024
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_IDENTITY, _GZIPS, _DEFLATE = ("", "identity"), ("gzip", "x-gzip"), "deflate"


class BrokenCompressionError(Exception):
    """The body is not compressed as its header says, is truncated, or uses a compression that was not requested."""


def inflated(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces of a body, decompressed, none of them large."""
    encoding = encoding.strip().lower()
    if encoding in _IDENTITY:
        yield from pieces
    elif encoding in _GZIPS:
        yield from _members(pieces)
    elif encoding == _DEFLATE:
        yield from _deflated(pieces)
    else:
        raise BrokenCompressionError("of an unknown kind")


def _members(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Gzip: one member after the other, padding of zeroes between and behind them ignored."""
    stream, is_begun = zlib.decompressobj(_GZIP), False
    for given in pieces:
        piece = given
        while piece:
            if not is_begun and not (piece := piece.lstrip(b"\0")):
                break
            is_begun = True
            yield from _some(stream, piece)
            piece = stream.unused_data
            if stream.eof:
                stream, is_begun = zlib.decompressobj(_GZIP), False
    if is_begun:
        raise BrokenCompressionError("it ends too soon")


def _deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Zlib as the standard says, or raw deflate as some servers send it: the first byte differs."""
    stream = None
    for piece in pieces:
        if piece and stream is None:
            stream = zlib.decompressobj(_ZLIB if piece[0] & 0x0F == 8 else _BARE)
        if piece and stream is not None:
            yield from _some(stream, piece)
    if stream is not None and not stream.eof:
        raise BrokenCompressionError("it ends too soon")


def _some(stream: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    """The decompressed bytes of a piece, up to the end of its stream, including what the decompressor still buffers."""
    is_broken = False
    try:
        while not stream.eof:
            plain = stream.decompress(piece, PIECE_BYTES)
            yield plain
            piece = stream.unconsumed_tail
            if not piece and len(plain) < PIECE_BYTES:
                return
    except zlib.error:
        is_broken = True
    if is_broken:
        raise BrokenCompressionError("not what its header says")
