"""Parse the addresses of alerts as Apprise reads them. They hold secrets, so no message or log may quote one.

An address is named by its position only. Apprise and its HTTP library quote addresses in their logs;
`without_library_logs` drops those. Apprise is imported only where there is an address: that takes a quarter of a
second.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apprise import NotifyBase

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{1,20})://", re.IGNORECASE)
_SEPARATOR = re.compile(r",(?=[a-z][a-z0-9+.-]{1,20}://)|\s+", re.IGNORECASE)
_LOGGERS = ("apprise", "urllib3", "urllib3.connectionpool", "requests", "requests_oauthlib", "oauthlib")


@dataclass(frozen=True)
class AddressPosition:
    """An address: its number in the list, its scheme, and its channel (None where Apprise does not understand it)."""

    number: int
    scheme: str
    channel: NotifyBase | None = field(repr=False, compare=False)

    def __str__(self) -> str:
        """Name the address without quoting it."""
        return f"address {self.number} ({self.scheme or 'without a scheme'})"


def split(text: str) -> list[str]:
    """Return the addresses of a list; a comma within an address, as between two recipients of a mail, stays."""
    return [url for part in _SEPARATOR.split(text) if (url := part.strip(","))]


def parse_addresses(urls: Sequence[str]) -> list[AddressPosition]:
    """Return the parsed addresses in their order."""
    if not urls:
        return []
    with without_library_logs(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # Apprise tries to import modules that Python has deprecated
        from apprise import Apprise

        channels = [Apprise.instantiate(url, suppress_exceptions=True) for url in urls]
    schemes = [_SCHEME.match(url) for url in urls]
    return [
        AddressPosition(number, scheme[1].lower() if scheme else "", channel or None)
        for number, (scheme, channel) in enumerate(zip(schemes, channels, strict=True), 1)
    ]


_lock = Lock()
_users = 0
_levels: dict[str, int] = {}


@contextmanager
def without_library_logs() -> Iterator[None]:
    """Drop the logs of the libraries in every thread, until the last of several concurrent users is done."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            for name in _LOGGERS:
                _levels[name] = logging.getLogger(name).level
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for name in _LOGGERS:
                    logging.getLogger(name).setLevel(_levels[name])
