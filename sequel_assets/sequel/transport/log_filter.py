"""Drops what httpx and httpcore log about our requests, at every level: it quotes responses, such as headers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_is_ours: ContextVar[bool] = ContextVar("a request of ours is under way in this thread", default=False)


def _is_of_others(_record: logging.LogRecord) -> bool:
    return not _is_ours.get()


@cache
def _install() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_of_others)


@contextmanager
def quietly() -> Iterator[None]:
    """Drop what this thread's request would log; other users of the libraries are not affected."""
    _install()
    before = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(before)
